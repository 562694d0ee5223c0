package zone_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

// BenchmarkProjectByConsent projects two columns of a million rows, or of as many as
// ZONEBOX_BENCH_ROWS says, a fifth as many people, of whom half consented: without
// consents; with a store that knows nothing; with a set that is new to it, as after a
// withdrawal; and with one that it knows. "set" makes the set of those whose consent
// is valid, "spread" finds out of a column whether a token hides it, after a
// withdrawal.
func BenchmarkProjectByConsent(b *testing.B) {
	rows := 1_000_000
	if text := os.Getenv("ZONEBOX_BENCH_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil || rows%100_000 != 0 {
			b.Fatalf("ZONEBOX_BENCH_ROWS = %q, want a multiple of 100000", text)
		}
	}
	people := rows / 5
	s, err := zone.New(zone.Config{Dir: b.TempDir(), Wrapper: keys{}, Signer: newSigner("gate"), EntityBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	spec := zone.Spec{Zone: "health", Dataset: "visits", Entity: "id_number", Columns: []zone.ColumnSpec{{"id_number", "string"}, {"district", "string"}, {"visits", "int64"}}}
	l, err := s.Begin(spec)
	if err != nil {
		b.Fatal(err)
	}
	r := array.NewRecordBuilder(memory.DefaultAllocator, schemaOf(spec))
	defer r.Release()
	for row := range rows {
		r.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("3201021970%08d", row*7%people))
		r.Field(1).(*array.StringBuilder).Append([]string{"320102", "320104", "320105", "320106"}[row%4])
		r.Field(2).(*array.Int64Builder).Append(int64(row))
		if row%100_000 == 99_999 {
			rec := r.NewRecordBatch()
			if err := l.Append(rec); err != nil {
				b.Fatal(err)
			}
			rec.Release()
		}
	}
	info, err := l.Commit(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	subjects, err := masking.NewSubjects(masking.Keys{Token: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		b.Fatal(err)
	}
	tagsOf := func(less int) []masking.SubjectTag {
		ids := array.NewStringBuilder(memory.DefaultAllocator)
		defer ids.Release()
		for i := less; i < people; i += 2 {
			ids.Append(fmt.Sprintf("3201021970%08d", i))
		}
		arr := ids.NewArray()
		defer arr.Release()
		var tags []masking.SubjectTag
		if err := subjects.Tags(arr, nil, func(_ int, tag masking.SubjectTag) { tags = append(tags, tag) }); err != nil {
			b.Fatal(err)
		}
		return tags
	}
	set := func(less int) *zone.Consented { return zone.NewConsented(subjects, tagsOf(less)) }
	project := func(b *testing.B, c *zone.Consented) {
		p := projection(info, zone.Project{Name: "district"}, zone.Project{Name: "visits"})
		p.Consented = c
		for piece, err := range s.Project(b.Context(), p) {
			if err != nil {
				b.Fatal(err)
			}
			for _, c := range piece.Columns {
				arr, err := c.Array()
				if err != nil {
					b.Fatal(err)
				}
				arr.Release()
			}
		}
	}
	b.Run("without", func(b *testing.B) {
		for b.Loop() {
			project(b, nil)
		}
	})
	b.Run("first", func(b *testing.B) {
		c := set(0)
		for b.Loop() {
			b.StopTimer()
			s.Forget("")
			b.StartTimer()
			project(b, c)
		}
	})
	b.Run("withdrawn", func(b *testing.B) {
		less := 0
		for b.Loop() {
			b.StopTimer()
			less += 2
			c := set(less)
			b.StartTimer()
			project(b, c)
		}
	})
	b.Run("set", func(b *testing.B) {
		b.ReportAllocs()
		tags := tagsOf(0)
		zone.NewConsented(subjects, tags) // which sorts them, as they come from the registry
		for b.Loop() {
			zone.NewConsented(subjects, tags)
		}
	})
	b.Run("spread", func(b *testing.B) {
		less := 0
		for b.Loop() {
			b.StopTimer()
			less += 2
			p := projection(info)
			p.Consented = set(less)
			b.StartTimer()
			if _, _, err := s.Spread(b.Context(), p, "id_number"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("known", func(b *testing.B) {
		c := set(0)
		project(b, c)
		for b.Loop() {
			project(b, c)
		}
	})
}
