package query

import (
	"maps"
	"math"
	"slices"
	"strings"

	"zonebox/masking"
	"zonebox/query/analysis"
	"zonebox/zone"
)

// rawScan is the last look at what leaves: it gathers the texts of masked columns
// as they would leave, and looks for them among the raw values. A mask that let a
// value through is found here, whatever let it through.
//
// A finding blocks the output, so that it tells the asking person one bit: this text
// is a raw value. That must be no answer to a question of theirs. Of a text that they
// made themselves it would be one, whether somebody of that name or number is in the
// register; of a text from a list in the clear it would be one as well, of each line
// of the list. So what is looked for is what masks made, and nothing else:
//
//   - A column as it is, or several that are masked alike. All of its texts come from
//     a mask, and a condition of the statement chooses among them and makes none.
//   - A column behind what changes letter case and blanks, or chosen by CASE, COALESCE
//     and the like among columns that are all masked and texts of the statement. What
//     the statement itself holds is passed over, in whatever case it is written.
//   - What is computed from a masked column in any other way can hold any text, piece
//     by piece, and is not looked up at all. There the mask is looked at instead: whether
//     the texts that it gave to the worker are those of their own rows. That is the same
//     for every statement over these rows, so that no statement asks anything by it.
//
// A text of the first two kinds is looked for in the columns that it comes from, and
// in every other column of texts from the protected level on that the statement
// reads. There a chance hit is no sign of a leak: of short texts, of columns with few
// values and of texts that show the sign of a mask nothing is said. The figures are
// those of the pack.
//
// Nothing is said of rows outside the scope of the grant, or of people who did not
// consent.
type rawScan struct {
	*rows
	seen    []map[string]Place // by output, then text
	written map[string]bool    // what the statement holds, in plain form
	given   map[string]bool    // names that a reviewer gave to categories: they tell nothing, and what a try of one came to would
	found   []Match
}

// Place says in which rows of an output something stands.
type Place struct {
	Row  int64 `json:"row"`  // the first, from 1, in the order in which they leave; 0 if it is none in particular
	Rows int64 `json:"rows"` // how many
}

// Match is an output column that holds raw values of a column of the class, as the
// catalogue spells it.
type Match struct {
	Column string `json:"column"` // or # and its place among them
	Class  string `json:"class"`
	Place
}

func newRawScan(r *rows) *rawScan {
	s := &rawScan{rows: r, seen: make([]map[string]Place, len(r.Outputs)), written: map[string]bool{}, given: map[string]bool{}}
	for i := range s.seen {
		s.seen[i] = map[string]Place{}
	}
	for _, text := range r.written(1) {
		s.written[plain(text)] = true
	}
	if r.coarsens != nil {
		for _, m := range r.coarsens.done.Merges {
			s.given[m.Into] = true
		}
	}
	return s
}

func plain(text string) string { return string(masking.Plain(nil, []byte(text))) }

// add takes note of a text; it is looked for later, so this refuses nothing. The
// fixed sign of a redacted value shows nothing and is not looked for.
func (s *rawScan) add(output, row int, text string) bool {
	o := s.Outputs[output]
	if text == masking.Redacted || len(s.texts(o)) == 0 || s.given[text] || !o.Bare && s.written[plain(text)] {
		return false
	}
	p, known := s.seen[output][text]
	if !known {
		p.Row = int64(row) + 1
	}
	p.Rows++
	s.seen[output][text] = p
	return false
}

// texts returns the columns that an output's texts come from, none if one of them is
// not hidden: a year or a region is meant to be one that others share.
func (s *rawScan) texts(o analysis.Output) []analysis.Ref {
	if slices.ContainsFunc(o.Texts, func(ref analysis.Ref) bool { return !s.hidden(ref) }) {
		return nil
	}
	return o.Texts
}

// hidden reports whether a column of texts is masked by a recipe that hides its
// values.
func (s *rawScan) hidden(ref analysis.Ref) bool {
	col, _ := columnOf(s.catalog.datasets[ref.Table].Spec, ref.Column)
	recipe := s.catalog.recipe(ref)
	return col.Type == "string" && recipe != nil && slices.Contains([]string{"partial", "pattern", "display", "token", "redact"}, recipe.Kind)
}

// matches returns how many raw rows hold a value that would leave.
func (s *rawScan) matches() (int64, error) {
	total := int64(0)
	for i, o := range s.Outputs {
		texts := slices.Sorted(maps.Keys(s.seen[i]))
		if len(texts) > 0 {
			own := s.texts(o)
			for _, ref := range append(slices.Clone(own), s.others(own)...) {
				sought := texts
				if !slices.Contains(own, ref) {
					sought = slices.DeleteFunc(slices.Clone(texts), s.common)
				}
				n, err := s.find(i, ref, sought)
				if err != nil {
					return 0, err
				}
				total += n
			}
			continue
		}
		n, err := s.shown(i, o)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// others are the columns of texts from the protected level on that the statement
// reads, beside some, but for codes that everybody knows.
func (s *rawScan) others(beside []analysis.Ref) (out []analysis.Ref) {
	for _, scan := range s.Scans {
		for _, name := range scan.Columns {
			ref := analysis.Ref{Table: scan.Table, Column: name}
			if s.protectedText(ref) && !slices.Contains(beside, ref) {
				out = append(out, ref)
			}
		}
	}
	return out
}

// common reports whether a text says nothing if it stands in another column.
func (s *rawScan) common(text string) bool {
	return len(plain(text)) < s.pack.RawMatch.Length || strings.ContainsAny(text, "*＊")
}

// find looks texts of an output up in a column, and returns in how many raw rows one
// of them stands.
func (s *rawScan) find(output int, ref analysis.Ref, texts []string) (int64, error) {
	if len(texts) == 0 {
		return 0, nil
	}
	p, err := s.projectionOf(ref)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(s.Outputs[output].Texts, ref) {
		stats, err := s.engine.store.Stats(p.Zone, p.Dataset, p.Version, p.Manifest)
		if err != nil {
			return 0, s.engine.storeError(err)
		}
		if c, ok := stats.Column(ref.Column); ok && c.Entropy < s.pack.RawMatch.Bits {
			return 0, nil
		}
	}
	counts, err := s.engine.store.Occur(s.ctx, p, ref.Column, texts)
	if err != nil {
		return 0, s.engine.storeError(err)
	}
	total, place := int64(0), Place{Row: math.MaxInt64}
	for i, n := range counts {
		if n > 0 {
			at := s.seen[output][texts[i]]
			total, place.Row, place.Rows = total+n, min(place.Row, at.Row), place.Rows+at.Rows
		}
	}
	if total > 0 {
		s.note(output, ref, place)
	}
	return total, nil
}

// shown returns how many raw rows the masks of an output's columns show, if it is a
// text that is computed from them and these are more than the pack's share.
func (s *rawScan) shown(output int, o analysis.Output) (int64, error) {
	if s.schema[output].Type != "VARCHAR" || o.Bare || len(s.texts(o)) > 0 {
		return 0, nil
	}
	total := int64(0)
	for _, ref := range o.Lineage {
		if !s.hidden(ref) {
			continue
		}
		p, err := s.projectionOf(ref)
		if err != nil {
			return 0, err
		}
		rows, shown, err := s.engine.store.Shown(s.ctx, p, ref.Column)
		if err != nil {
			return 0, s.engine.storeError(err)
		}
		if shown > 0 && float64(shown) > s.pack.RawMatch.Share*float64(rows) {
			s.note(output, ref, Place{})
			total += shown
		}
	}
	return total, nil
}

// projectionOf is what the grant gives of one column.
func (s *rawScan) projectionOf(ref analysis.Ref) (zone.Projection, error) {
	p, err := s.rowsGranted(ref.Table)
	p.Columns = []zone.Project{{Name: ref.Column, Recipe: s.catalog.recipe(ref)}}
	return p, err
}

func (s *rawScan) note(output int, ref analysis.Ref, at Place) {
	col, _ := columnOf(s.catalog.datasets[ref.Table].Spec, ref.Column)
	s.found = append(s.found, Match{outputName(output, s.Outputs[output].Name), col.Class, at})
}
