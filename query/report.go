package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zonebox/audit"
	"zonebox/registry"
)

// Period is the days a report covers, both included, as YYYY-MM-DD on the clock of
// the zone an entry is of. Zone narrows it to one; empty is all the reader may see.
type Period struct {
	From string `json:"from"`
	To   string `json:"to"`
	Zone string `json:"zone,omitempty"`
}

// A report reads the log once and keeps what its reader may see.
type report struct {
	period   Period
	all      bool            // entries of every zone and of none
	zones    map[string]bool // those that a regulator regulates
	own      string          // the operator that sees its own use and its partners', empty for others
	offsets  map[string]time.Duration
	elsewhen time.Duration // the offset of what is of no zone
}

// reportFor returns what s may read of a period: supervisors of the domain all of it,
// a regulator its zones, an operator, where it may, what it did itself.
func (e *Engine) reportFor(ctx context.Context, s Subject, p Period, operators bool) (*report, error) {
	r := &report{period: p, zones: map[string]bool{}, offsets: map[string]time.Duration{},
		all: s.any(registry.RoleAuditor, registry.RoleCityAuthority, registry.RoleSecurity)}
	if operators && s.any(registry.RoleOperator) {
		r.own = s.organization
	} else if !r.all && !s.any(registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	from, err1 := time.Parse(time.DateOnly, p.From)
	to, err2 := time.Parse(time.DateOnly, p.To)
	if err1 != nil || err2 != nil || to.Before(from) {
		return nil, BadRequest("期间须为 YYYY-MM-DD,且起不晚于止", "a period is two days YYYY-MM-DD, the first not after the last")
	}
	known := p.Zone == ""
	err := e.each(ctx, registry.KindZone, func(doc registry.Document) error {
		z, err := registry.SpecOf[registry.Zone](doc)
		if err != nil {
			return err
		}
		pack, err := e.policy().Pack(z.Pack)
		if err != nil {
			return err
		}
		r.offsets[doc.Name] = time.Duration(pack.UTCOffsetMinutes) * time.Minute
		r.elsewhen = r.offsets[doc.Name]
		if z.Regulator == s.organization && s.any(registry.RoleZoneRegulator) {
			r.zones[doc.Name] = true
		}
		known = known || doc.Name == p.Zone && (r.all || r.own != "" || r.zones[p.Zone])
		return nil
	})
	if err != nil {
		return nil, asError(err)
	}
	if !known {
		return nil, fail("NOT_FOUND", nil)
	}
	return r, nil
}

// covers reports whether an entry belongs to the report.
func (r *report) covers(e audit.Entry) bool {
	offset, ok := r.offsets[e.Zone]
	if !ok {
		offset = r.elsewhen
	}
	day := e.At.UTC().Add(offset).Format(time.DateOnly)
	if day < r.period.From || day > r.period.To || r.period.Zone != "" && e.Zone != r.period.Zone {
		return false
	}
	if r.own != "" {
		return e.Org == r.own || e.Fields[fieldPartnerOf] == r.own
	}
	return r.all || r.zones[e.Zone]
}

// entries calls f with every entry of the report, in the order of the log. What a
// reviewer said of a run names no zone: it is of the run's.
func (e *Engine) entries(ctx context.Context, r *report, f func(audit.Entry) error) error {
	zones := map[string]string{}
	for entry, err := range e.audit.Entries(ctx, 0, e.audit.Size()) {
		if err != nil {
			return err
		}
		if entry.Zone == "" {
			entry.Zone = zones[entry.Run]
		} else if entry.Run != "" {
			zones[entry.Run] = entry.Zone
		}
		if r.covers(entry) {
			if err := f(entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// UseReport tells who used what under which license, by the entries of the log and
// the records of the runs.
type UseReport struct {
	Period
	Rows []UseRow `json:"rows"`
	// Forgotten are runs whose record was destroyed with their workspace: they are
	// counted, what they read is not.
	Forgotten int `json:"forgotten"`
}

// UseRow is the use of one person under one scenario.
type UseRow struct {
	License  string `json:"license"` // of the scenario as it is now; empty if there is none
	Scenario string `json:"scenario"`
	Operator string `json:"operator"`
	Partner  string `json:"partner,omitempty"` // whose person it is, if it is not the operator's
	Person   string `json:"person"`
	// Runs is how many statements got rows, Denied how many were refused before, Failed
	// how many of the runs gave no output.
	Runs   int `json:"runs"`
	Denied int `json:"denied"`
	Failed int `json:"failed"`
	// Scanned is how many rows the tables had that the finished runs read, each table
	// once for a run. An operator, who is told the size of no table, sees it in
	// thousands, rounded up.
	Scanned int64 `json:"rows_scanned"`
	Outputs int   `json:"outputs"` // released
	// Released is how many rows those had.
	Released  int64 `json:"rows_released"`
	Downloads int   `json:"downloads"` // handed out again after the first time
}

// Use reports the use of a period. It is for those who supervise, of a regulator its
// zones, and for an operator of its own.
func (e *Engine) Use(ctx context.Context, s Subject, p Period) (*UseReport, error) {
	r, err := e.reportFor(ctx, s, p, true)
	if err != nil {
		return nil, err
	}
	licenses, err := e.licensesOf(ctx)
	if err != nil {
		return nil, asError(err)
	}
	rows, out := map[[4]string]*UseRow{}, &UseReport{Period: p, Rows: []UseRow{}}
	books := e.newBooks()
	err = e.entries(ctx, r, func(entry audit.Entry) error {
		if !slices.Contains(useKinds, entry.Kind) || entry.Fields[fieldCoarsens] != "" { // a reviewer's
			return nil
		}
		key := [4]string{entry.Scenario, entry.Org, entry.Fields[fieldPartnerOf], entry.Actor}
		row := rows[key]
		if row == nil {
			row = &UseRow{License: licenses[entry.Scenario], Scenario: entry.Scenario, Operator: entry.Org, Person: entry.Actor}
			if operator := entry.Fields[fieldPartnerOf]; operator != "" {
				row.Operator, row.Partner = operator, entry.Org
			}
			rows[key] = row
		}
		switch entry.Kind {
		case "query.intent", kindRepeated:
			row.Runs++
		case "query.denied":
			row.Denied++
		case "query.failed", "query.killed":
			row.Failed++
		case "output.downloaded":
			row.Downloads++
		case "query.done", "output.released":
			b, err := books.of(ctx, entry.Run)
			if err != nil {
				return err
			}
			if entry.Kind == "output.released" {
				row.Outputs++
				row.Released += b.rows
				break
			}
			row.Scanned += b.scanned
			if b.forgotten {
				out.Forgotten++
			}
		}
		return nil
	})
	if err != nil {
		return nil, asError(err)
	}
	for _, row := range rows {
		if r.own != "" {
			row.Scanned = (row.Scanned + 999) / 1000 * 1000
		}
		out.Rows = append(out.Rows, *row)
	}
	slices.SortFunc(out.Rows, func(a, b UseRow) int {
		return slices.Compare([]string{a.License, a.Scenario, a.Operator, a.Partner, a.Person}, []string{b.License, b.Scenario, b.Operator, b.Partner, b.Person})
	})
	return out, nil
}

var useKinds = []string{"query.intent", kindRepeated, "query.denied", "query.failed", "query.killed", "query.done", "output.released", "output.downloaded"}

// licensesOf returns the license of each scenario.
func (e *Engine) licensesOf(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := e.each(ctx, registry.KindScenario, func(doc registry.Document) error {
		sc, err := registry.SpecOf[registry.Scenario](doc)
		out[doc.Name] = sc.License
		return err
	})
	return out, err
}

// books reads what runs read from their records.
type books struct {
	e     *Engine
	sizes map[string]map[string]int64 // rows, by zone and dataset, and version
}

func (e *Engine) newBooks() *books { return &books{e, map[string]map[string]int64{}} }

// book is what a run read and gave.
type book struct {
	columns       []string // dataset.column
	scanned, rows int64
	forgotten     bool
}

func (b *books) of(ctx context.Context, id string) (book, error) {
	run, err := b.e.registry.LoadRun(ctx, id)
	if err != nil {
		return book{}, fmt.Errorf("query: report on run %s: %w", id, err)
	}
	if run.Shredded {
		return book{forgotten: true}, nil
	}
	var rec record
	if err := json.Unmarshal(run.Decision, &rec); err != nil {
		return book{}, fmt.Errorf("query: report on run %s: %w", id, err)
	}
	var out book
	if rec.Query != nil {
		for _, list := range [][]string{rec.Query.ColumnsRead, rec.Query.FilterCols, rec.Query.JoinCols, rec.Query.GroupCols} {
			out.columns = append(out.columns, list...)
		}
	}
	if rec.Facts != nil {
		out.rows = rec.Facts.Rows
	}
	if rec.Proof != nil {
		for _, d := range rec.Proof.Data {
			n, err := b.size(ctx, run.Zone, d)
			if err != nil {
				return book{}, err
			}
			out.scanned += n
		}
	}
	return out, nil
}

// size returns the rows of a data version, as a proof names it.
func (b *books) size(ctx context.Context, zone, data string) (int64, error) {
	var dataset, version string
	if _, err := fmt.Sscan(data, &dataset, &version); err != nil {
		return 0, fmt.Errorf("query: report on data %q: %w", data, err)
	}
	key := zone + " " + dataset
	if b.sizes[key] == nil {
		versions, err := b.e.registry.DataVersions(ctx, zone, dataset)
		if err != nil {
			return 0, err
		}
		b.sizes[key] = map[string]int64{}
		for _, v := range versions {
			b.sizes[key][v.Version] = v.Rows
		}
	}
	return b.sizes[key][version], nil
}
