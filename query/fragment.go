package query

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/audit"
	"zonebox/registry"
	"zonebox/repeats"
)

// What a fragment may be.
const (
	mostLines = 10_000
	mostCells = 256 // of a line
)

// Fragment is what somebody found of a table outside the domain: the cells of its
// lines, in any order, as texts.
type Fragment struct {
	Lines [][]string `json:"lines"`
}

// FragmentTrace says which released results hold lines of a fragment.
type FragmentTrace struct {
	Lines int      `json:"lines"` // of the fragment
	Cells int      `json:"cells"` // of these
	Zones []string `json:"zones"` // that were looked through
	// Releases are those that hold a line or a part of one, the most cells first.
	Releases []TracedRelease `json:"releases"`
	// Tied is how many of them hold as many cells as the first, which the lines do not
	// tell apart: 0 if there is none, 1 if it is the first alone.
	Tied int `json:"tied"`
}

// TracedRelease is a released result, and what it has of a fragment.
type TracedRelease struct {
	Run       string    `json:"run"`
	Zone      string    `json:"zone"`
	Scenario  string    `json:"scenario"`
	Operator  string    `json:"operator"`
	Partner   string    `json:"partner,omitempty"` // whose person asked, if not the operator's
	Person    string    `json:"person"`
	RealName  string    `json:"real_name,omitempty"` // of the document as it is now
	Recipient string    `json:"recipient"`
	Released  time.Time `json:"released"`
	Artifact  string    `json:"artifact"` // digest of the sealed file
	Lines     int       `json:"lines"`    // of the fragment, whole or in part, each as often as both have it
	Whole     int       `json:"whole"`    // of these, rows as they left
	Cells     int       `json:"cells"`    // that these lines and rows of the result share
	Rows      int       `json:"rows"`     // of the result
}

// TraceFragment names the released results that hold lines of a fragment, with who
// asked for them and who received them (NJ24-21). It is for the security officer, and
// for a regulator in its zones. The log is told, for each zone that was looked through,
// before anything is said.
//
// A line is known by the keyed digests of its row and of the cells of it, as
// repeats.Contents says. Order and names of columns do not matter, nor the order of
// lines; where a column is left out, added or altered, lines are known by the others. A
// result that has the same cells, and more, is as likely to be the one as a result that
// has these alone: both are said to be tied. Nothing is known once the zone's keys are
// destroyed. Lines that say little, such as a district and a count, may stand in many
// results.
func (e *Engine) TraceFragment(ctx context.Context, s Subject, f Fragment) (*FragmentTrace, error) {
	if !s.any(registry.RoleSecurity, registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	batches, err := f.batches()
	if err != nil {
		return nil, err
	}
	out := &FragmentTrace{Lines: len(f.Lines), Zones: []string{}, Releases: []TracedRelease{}}
	for _, line := range f.Lines {
		out.Cells += len(line)
	}
	err = e.each(ctx, registry.KindZone, func(doc registry.Document) error {
		z, err := registry.SpecOf[registry.Zone](doc)
		if err != nil {
			return err
		}
		if !s.any(registry.RoleSecurity) && z.Regulator != s.organization {
			return nil
		}
		out.Zones = append(out.Zones, doc.Name)
		found, err := e.holding(ctx, doc.Name, batches)
		out.Releases = append(out.Releases, found...)
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	slices.SortFunc(out.Releases, func(a, b TracedRelease) int {
		return cmp.Or(cmp.Compare(b.Cells, a.Cells), cmp.Compare(b.Whole, a.Whole), cmp.Compare(a.Rows, b.Rows), cmp.Compare(a.Run, b.Run))
	})
	for out.Tied < len(out.Releases) && out.Releases[out.Tied].Cells == out.Releases[0].Cells {
		out.Tied++
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		for _, zone := range out.Zones {
			if err := tx.Emit(out.entry(s, zone)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// entry tells what was found in a zone, and nothing of the lines.
func (t *FragmentTrace) entry(s Subject, zone string) registry.Event {
	var runs []string
	for _, r := range t.Releases {
		if r.Zone == zone {
			runs = append(runs, r.Run)
		}
	}
	fields := map[string]string{"org": s.organization, "lines": strconv.Itoa(t.Lines), "releases": strconv.Itoa(len(runs))}
	if len(runs) > 0 {
		fields["runs"] = clip(strings.Join(runs, " "))
	}
	return registry.Event{Kind: "fragment.traced", Actor: s.user, Zone: zone, Fields: fields}
}

// batches returns the lines as rows, those of as many cells together.
func (f Fragment) batches() ([]arrow.RecordBatch, error) {
	if len(f.Lines) == 0 || len(f.Lines) > mostLines {
		return nil, BadRequest("片段须有 1 至 10,000 行", "a fragment has 1 to 10,000 lines")
	}
	wide := map[int][][]string{}
	for _, line := range f.Lines {
		if len(line) == 0 || len(line) > mostCells {
			return nil, BadRequest("每行须有 1 至 256 格", "a line has 1 to 256 cells")
		}
		wide[len(line)] = append(wide[len(line)], line)
	}
	var out []arrow.RecordBatch
	for cells, lines := range wide {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(slices.Repeat([]arrow.Field{{Type: arrow.BinaryTypes.String}}, cells), nil))
		for _, line := range lines {
			for i, cell := range line {
				b.Field(i).(*array.StringBuilder).Append(whole(cell))
			}
		}
		out = append(out, b.NewRecordBatch())
		b.Release()
	}
	return out, nil
}

// scientific is how CSV spells large and small numbers with a fraction. It has a sign,
// which no token has.
var scientific = regexp.MustCompile(`^-?[0-9](\.[0-9]+)?e[+-][0-9]{2,3}$`)

// whole spells a number as digests of rows do.
func whole(cell string) string {
	if scientific.MatchString(cell) {
		if n, err := strconv.ParseFloat(cell, 64); err == nil {
			return strconv.FormatFloat(n, 'f', -1, 64)
		}
	}
	return cell
}

// holding returns the releases of a zone that have rows of a fragment.
func (e *Engine) holding(ctx context.Context, zone string, fragment []arrow.RecordBatch) ([]TracedRelease, error) {
	byKey, err := e.digestKeys(useContents, zone)
	if err != nil {
		return nil, err
	}
	known := map[string][]repeats.Fragment{}
	for id, key := range byKey {
		for _, lines := range fragment {
			known[id] = append(known[id], key.Fragment(lines))
		}
	}
	var found []TracedRelease
	err = e.registry.EachReleaseContents(ctx, zone, func(c registry.ReleaseContents) error {
		of := repeats.ContentsOf(c.Whole, c.Rows, c.Columns, c.Cells)
		r := TracedRelease{Run: c.Run, Zone: zone, Rows: of.Len()}
		for _, lines := range known[c.Key] {
			in := of.Find(lines)
			r.Lines, r.Whole, r.Cells = r.Lines+in.Lines, r.Whole+in.Whole, r.Cells+in.Cells
		}
		if r.Lines > 0 {
			found = append(found, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range found {
		if err := e.tellRelease(ctx, &found[i]); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(found, func(r TracedRelease) bool { return r.Person == "" }), nil
}

// tellRelease fills in what the log says of a release: nothing of one that it has not
// taken yet, of which no byte left.
func (e *Engine) tellRelease(ctx context.Context, r *TracedRelease) error {
	index, logged := e.audit.Find(releaseID(r.Run))
	if !logged {
		return nil
	}
	var entry audit.Entry
	for found, err := range e.audit.Entries(ctx, index, index+1) {
		if err != nil {
			return err
		}
		entry = found
	}
	r.Scenario, r.Operator, r.Person, r.Released = entry.Scenario, entry.Org, entry.Actor, entry.At
	r.Recipient, r.Artifact = entry.Fields["recipient"], entry.Fields["artifact"]
	if operator := entry.Fields[fieldPartnerOf]; operator != "" {
		r.Operator, r.Partner = operator, entry.Org
	}
	doc, _, err := e.registry.Get(ctx, registry.KindPerson, r.Person)
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := registry.SpecOf[registry.Person](doc)
	r.RealName = p.RealName
	return err
}
