package zone_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"zonebox/quality"
	"zonebox/zone"
)

// checks are rules over the columns of spec that need every kind of pass.
func checks(t *testing.T) *quality.Plan {
	t.Helper()
	r, err := quality.Decode([]byte(`{"apiVersion":"v3.1.0","kind":"DataContract","id":"1","version":"1","status":"active","schema":[{"name":"city.Visits",
	"quality":[{"id":"pairs","metric":"duplicateValues","arguments":{"properties":["id_number","district"]},"mustBe":0}],
	"properties":[{"name":"id_number","required":true,"unique":true,"relationships":[{"to":"city.Visits.district"}]},
	{"name":"cost","quality":[{"id":"range","metric":"invalidValues","arguments":{"min":0},"mustBe":0}]}]}]}`), "city.Visits")
	if err != nil {
		t.Fatal(err)
	}
	var columns []quality.Column
	for _, c := range spec.Columns {
		columns = append(columns, quality.Column{Name: c.Name, Type: c.Type, Nullable: true})
	}
	p, err := quality.Compile(r, columns, map[string][]quality.Column{"city.Visits": columns})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestACheckIsTheSameOfADeliveryALoadAndAVersion: rows as they come, as they lie
// in a load that is not committed, and as they lie in a version, in segments of
// three; with memory and without.
func TestACheckIsTheSameOfADeliveryALoadAndAVersion(t *testing.T) {
	s, plan := open(t, t.TempDir()), checks(t)
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var reports []*quality.Report
	report := func(c *quality.Checker) {
		reports = append(reports, c.Report(quality.Facts{Declared: 8}, quality.Gate{}))
	}
	var info zone.Info
	for _, memory := range []int64{0, 1} {
		l, err := s.Begin(spec)
		if err != nil {
			t.Fatal(err)
		}
		fromLoad := func(p *quality.Pass) error { return l.Feed(t.Context(), p) }
		rec := rows(t, spec, visits)
		streamed := plan.Start(quality.Options{Now: now, Memory: memory})
		if err := errors.Join(streamed.Prepare(fromLoad), streamed.Add(rec), l.Append(rec), streamed.Finish(fromLoad)); err != nil {
			t.Fatal(err)
		}
		report(streamed)
		stored := plan.Start(quality.Options{Now: now, Memory: memory})
		if err := errors.Join(stored.Prepare(fromLoad), l.Feed(t.Context(), stored.Whole()), stored.Finish(fromLoad)); err != nil {
			t.Fatal(err)
		}
		report(stored)
		if info, err = l.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if info.Rows != 8 || info.Segments != 3 {
			t.Errorf("the load has %d rows in %d segments, want 8 in 3: a check changed it", info.Rows, info.Segments)
		}
		committed := plan.Start(quality.Options{Now: now, Memory: memory})
		feed := func(p *quality.Pass) error {
			return s.Feed(t.Context(), info.Zone, info.Dataset, info.Version, info.Manifest, p)
		}
		if err := errors.Join(committed.Prepare(feed), feed(committed.Whole()), committed.Finish(feed)); err != nil {
			t.Fatal(err)
		}
		report(committed)
	}
	counts := map[string]int64{}
	for _, o := range reports[0].Rules {
		counts[o.ID] = o.Count
	}
	for id, want := range map[string]int64{"id_number.nullValues.required": 1, "id_number.duplicateValues.unique": 3, "pairs": 1, "range": 1, "id_number.invalidValues.relationship": 7} {
		if counts[id] != want {
			t.Errorf("%s counts %d, want %d", id, counts[id], want)
		}
	}
	for i, r := range reports[1:] {
		if !reflect.DeepEqual(reports[0], r) {
			t.Errorf("report %d differs:\n%+v\n%+v", i+1, reports[0], r)
		}
	}
}

func TestACheckReadsNothingThatWasChanged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	info := load(t, s, spec, visits)
	c := checks(t).Start(quality.Options{Now: time.Now()})
	chunk := filepath.Join(versionDir(dir, info.Version), "c002-s00001")
	data, err := os.ReadFile(chunk)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	mustWrite(t, chunk, data)
	var broken *zone.IntegrityError
	if err := s.Feed(t.Context(), info.Zone, info.Dataset, info.Version, info.Manifest, c.Whole()); !errors.As(err, &broken) || broken.File != "c002-s00001" {
		t.Errorf("err = %v, want an IntegrityError of c002-s00001", err)
	}
	if err := s.Feed(t.Context(), info.Zone, info.Dataset, info.Version, "", c.Whole()); !errors.As(err, &broken) {
		t.Errorf("without the manifest's digest: %v, want an IntegrityError", err)
	}
}
