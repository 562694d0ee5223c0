package quality_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking/china"
	"zonebox/quality"
)

// benchRows are the rows of one round, in batches as a worker yields them.
const (
	benchRows  = 1 << 20
	benchBatch = 1 << 14
)

// benchBatches has the columns s (resident numbers, all different), s2 (one of
// sixteen words), i (a number) and d (a day).
func benchBatches() []arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "s2", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true}}, nil)
	var out []arrow.RecordBatch
	for row := 0; row < benchRows; row += benchBatch {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := range benchBatch {
			n := row + i
			id := fmt.Sprintf("320102%04d%02d%02d%03d", 1950+n/336%60, 1+n/28%12, 1+n%28, n/20160%1000)
			b.Field(0).(*array.StringBuilder).Append(id + string(china.IdentityCheck(id)))
			b.Field(1).(*array.StringBuilder).Append("词" + fmt.Sprint(n%16))
			b.Field(2).(*array.Int64Builder).Append(int64(n % 1000))
			b.Field(3).(*array.Date32Builder).Append(arrow.Date32(20000 + n%1000))
		}
		out = append(out, b.NewRecordBatch())
		b.Release()
	}
	return out
}

// BenchmarkRule tells what one rule costs a row. The first is what every load
// pays.
func BenchmarkRule(b *testing.B) {
	rows := benchBatches()
	cols := []quality.Column{{Name: "s", Type: "string", Nullable: true}, {Name: "s2", Type: "string", Nullable: true},
		{Name: "i", Type: "int64", Nullable: true}, {Name: "d", Type: "date", Nullable: true}}
	property := func(name, rule string) string {
		return head + "  properties:\n  - {name: " + name + ", quality: [" + rule + "]}\n"
	}
	for _, bench := range []struct{ name, contract string }{
		{"none", head},
		{"nulls", property("s", "{metric: nullValues, mustBe: 0}")},
		{"missing", property("s2", "{metric: missingValues, arguments: {missingValues: [null, '', N/A]}, mustBe: 0}")},
		{"valid-16", property("s2", "{metric: invalidValues, arguments: {validValues: [词0, 词1, 词2, 词3, 词4, 词5, 词6, 词7, 词8, 词9, 词10, 词11, 词12, 词13, 词14, 词15]}, mustBe: 0}")},
		{"range-int64", property("i", "{metric: invalidValues, arguments: {min: 0, max: 999}, mustBe: 0}")},
		{"range-date", property("d", "{metric: invalidValues, arguments: {min: 2000-01-01, max: 2100-01-01}, mustBe: 0}")},
		{"pattern", property("s", "{metric: invalidValues, arguments: {pattern: '^[1-9][0-9]{16}[0-9X]$'}, mustBe: 0}")},
		{"resident_id", property("s", "{metric: invalidValues, arguments: {validator: resident_id}, mustBe: 0}")},
		{"unique", property("s", "{metric: duplicateValues, mustBe: 0}")},
		{"unique-words", property("s2", "{metric: duplicateValues, mustBeGreaterThan: 0}")},
		{"unique-pair", head + "  quality: [{metric: duplicateValues, arguments: {properties: [s, d]}, mustBe: 0}]\n"},
		{"reference", property("s", "{metric: invalidValues, arguments: {references: {dataset: others, properties: [s]}}, mustBe: 0}")},
	} {
		plan := compile(b, cols, map[string][]quality.Column{"others": cols}, bench.contract)
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				s := &store{own: rows, others: map[string][]recordBatch{"others": rows}}
				b.StopTimer() // the keys of the other dataset are read once
				c := plan.Start(quality.Options{Now: today})
				if err := c.Prepare(s.feed); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				for _, rec := range rows {
					if err := c.Add(rec); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}
