package query_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"zonebox/internal/stopwatch"
	"zonebox/policy"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// What a full zone has.
const (
	fullLicenses = 5_000
	fullDatasets = 2_500
	fullColumns  = 40 // of each
)

// BenchmarkDecideInAFullZone is what Answer does to decide on a statement, in a zone
// with 5,000 licenses and 100,000 columns: it reads the facts and asks policy. It
// reports the median and the 99th percentile by the wall, and by the time that the
// process ran, collecting garbage included. "changed" has somebody put a document in
// force before each.
func BenchmarkDecideInAFullZone(b *testing.B) {
	d := querytest.City(b, querytest.Options{Idle: 1})
	fillZone(b, d)
	decide, leave, err := query.Deciding(b.Context(), d.Engine, query.Request{Subject: d.Subject("li.op"), Scenario: querytest.Scenario,
		Purpose: querytest.Purpose, SQL: "SELECT v.department, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY v.department"})
	if err != nil {
		b.Fatal(querytest.Text(err))
	}
	defer leave()
	once := func() {
		if got, err := decide(); err != nil || got.Verdict != policy.Allow {
			b.Fatal(err, got.Verdict, got.Reasons)
		}
	}
	once()
	for _, c := range []struct {
		name   string
		before func(n int)
	}{
		{"as it is", nil},
		{"changed", func(n int) {
			d.Apply(querytest.Founder, fmt.Sprintf("kind: Organization\nname: bystander\nspec: {title: 旁观 %d, kind: third_party, org_form: legal_person, credit_code: 11320100MB1234567X}\n", n))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			runtime.GC()
			var wall, cpu []int64
			for b.Loop() {
				if c.before != nil {
					b.StopTimer()
					c.before(len(wall))
					b.StartTimer()
				}
				start, ran := stopwatch.Wall(), stopwatch.Process()
				once()
				wall, cpu = append(wall, stopwatch.Wall()-start), append(cpu, stopwatch.Process()-ran)
			}
			for unit, took := range map[string][]int64{"µs": wall, "cpu-µs": cpu} {
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-"+unit)
				b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-"+unit)
			}
		})
	}
}

// fillZone puts so many licenses and entries into the medical zone.
func fillZone(b *testing.B, d *querytest.Domain) {
	b.Helper()
	apply := func(by string, docs []string, signers ...string) {
		b.Helper()
		for part := range slices.Chunk(docs, 500) {
			all, err := registry.Decode(strings.NewReader(strings.Join(part, "---\n")))
			if err != nil {
				b.Fatal(err)
			}
			for i := range all {
				for _, s := range signers {
					all[i].Sign(s, d.Key(s).Private(), d.Now())
				}
			}
			if err := query.Fill(b.Context(), d.Engine, by, all); err != nil {
				b.Fatal(err)
			}
		}
	}
	license, _, _ := strings.Cut(mustRead(b, "querytest/city/license.yaml"), "---")
	var licenses, entries []string
	for i := range fullLicenses {
		licenses = append(licenses, strings.Replace(license, "name: medical-2026", fmt.Sprint("name: other-", i), 1))
	}
	for i := range fullDatasets {
		entry := datasetText(fmt.Sprint("full_", i))
		for c := range fullColumns - 2 {
			entry += fmt.Sprintf("    - {name: c%d_%d, type: int64, level: 4, class: finance, personal_info: true, secret_flag: false, cause_code: PRIVACY}\n", i, c)
		}
		entries = append(entries, entry)
	}
	apply("qian.hospital", entries, "qian.hospital", querytest.Founder)
	apply(querytest.Founder, licenses, "sun.health", querytest.Founder, "li.op")
}
