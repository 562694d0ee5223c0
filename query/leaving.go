package query

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/detect"
	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/registry"
	"zonebox/release"
)

// leaving is the look at the rows as they leave, for identifiers of people that
// have no business there: a number in a remark, a mask that let one through, a
// register that holds more than its catalogue entry says.
//
// It sees what leaves and nothing else, so that a refusal tells the asking person
// nothing that the answer would not have told. It is no protection against who
// spells a number in another way; the checks on lineage are.
type leaving struct {
	*rows
	scanner     *detect.Scanner
	identifiers []Identifier // by column, then class
	graded      *release.Effect
	marked      *marks // nil if it could not be recognized
}

// certain are the classes that are looked for, of which a hit can prove itself by
// a check character or by the word before it. Names and addresses are not among
// them: too much else reads like one.
var certain = detect.Of(detect.ResidentID, detect.Passport, detect.BankCard, detect.Mobile)

func newLeaving(r *rows) *leaving {
	s := detect.New(detect.Options{Classes: certain, Threshold: detect.Certain})
	return &leaving{rows: r, scanner: s.Knowing(r.written(shortest)...)}
}

// shortest is how many bytes an identifier has at least.
const shortest = 9

// written are the texts and numbers of so many bytes or more that the statement holds
// as they stand, with the values of its parameters: whoever asks has them already.
func (r *rows) written(shortest int) []string {
	var out []string
	ast.Walk(r.asked.Tree, func(n ast.Node) bool {
		if c, ok := n.(*ast.Constant); ok && len(c.Text) >= shortest {
			out = append(out, c.Text)
		}
		return true
	})
	for _, p := range r.values(r.Statement) {
		if len(p.Text) >= shortest {
			out = append(out, p.Text)
		}
	}
	return out
}

// inspect looks at the rows as they are to leave: for numbers of people, for what
// makes them known should they come in again, and for the grade of their masks.
func (l *leaving) inspect(record arrow.RecordBatch) error {
	if err := l.identify(record); err != nil {
		return err
	}
	if err := l.mark(record); err != nil {
		return err
	}
	return l.grade(record)
}

// identify looks through every output that could hold a number of a person: texts,
// and whole numbers, however they are held, that are not statistics. Tokens cannot:
// what is none ends the release where they are re-keyed.
func (l *leaving) identify(record arrow.RecordBatch) error {
	for i, o := range l.Outputs {
		if !looked(o, record.Column(i).DataType()) {
			continue
		}
		found, err := l.scanner.Called(l.header(o)).Array(record.Column(i))
		if err != nil {
			return err
		}
		for class, t := range found {
			permitted, err := l.permits(o, class)
			if err != nil {
				return err
			}
			if !permitted {
				l.identifiers = append(l.identifiers, Identifier{Column: outputName(i, o.Name), Class: class.String(), Place: Place{Row: t.First + 1, Rows: t.Sure}})
			}
		}
	}
	slices.SortStableFunc(l.identifiers, func(a, b Identifier) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(a.Class, b.Class))
	})
	return nil
}

// ownName is what an output is called that has a name of its own.
var ownName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]{0,63}$`)

// outputName is the name of an output, or its place among them, from 1: without an
// alias it is called by its SQL, which no refusal tells.
func outputName(i int, name string) string {
	if ownName.MatchString(name) {
		return name
	}
	return "#" + strconv.Itoa(i+1)
}

// looked reports whether an output is looked through.
func looked(o analysis.Output, t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.StringType:
		return o.Form != release.Token && o.Form != release.Constant
	case *arrow.Int64Type, *arrow.Uint64Type, *arrow.Float64Type:
		return o.Form != release.Aggregate && o.Form != release.Constant
	case *arrow.Decimal128Type: // those with a fraction are amounts
		return t.Scale == 0 && o.Form != release.Aggregate && o.Form != release.Constant
	}
	return false
}

// header is what an output is called: its name, and the names and titles of the
// columns it is made of.
func (l *leaving) header(o analysis.Output) string {
	header := o.Name
	for _, ref := range o.Lineage {
		if c, ok := columnOf(l.catalog.datasets[ref.Table].Spec, ref.Column); ok {
			header += " " + c.Name + " " + c.Title
		}
	}
	return header
}

// permits reports whether an output may hold identifiers of a class: if one of the
// columns it is made of is granted in the clear, is under the level from which
// columns are protected, and was seen to hold the class when it was loaded, so
// that who sets its level was told. Numbers of offices leave so.
func (l *leaving) permits(o analysis.Output, class detect.Class) (bool, error) {
	for _, ref := range o.Lineage {
		d := l.catalog.datasets[ref.Table]
		col, known := columnOf(d.Spec, ref.Column)
		g, _ := granted(l.catalog.grants[ref.Table].Spec, ref.Column)
		if !known || analysis.Mode(g.Mode) != analysis.Clear || col.Level < 1 || col.Level >= l.pack.LevelThreshold {
			continue
		}
		stats, err := l.engine.store.Stats(d.Spec.Zone, d.Name, d.Data.Version, d.Data.Manifest)
		if err != nil {
			return false, l.engine.storeError(err)
		}
		if c, ok := stats.Column(ref.Column); ok && c.Shows(class) {
			return true, nil
		}
	}
	return false, nil
}

// facts are the findings as policy takes them; not nil, since they were looked for.
func (l *leaving) facts() []policy.Identifier {
	out := []policy.Identifier{}
	for _, i := range l.identifiers {
		out = append(out, policy.Identifier{Column: i.Column, Class: i.Class, Rows: i.Rows})
	}
	return out
}

// identified adds to the event of a blocked output of which classes what was found
// is: identifiers, and raw values.
func identified(e registry.Event, facts *OutputFacts) registry.Event {
	if facts == nil {
		return e
	}
	var classes, matches []string
	for _, i := range facts.Identifiers {
		classes = append(classes, i.Class)
	}
	for _, m := range facts.Matches {
		matches = append(matches, m.Class)
	}
	e = listed(e, "identifiers", unique(classes))
	return listed(e, fieldMatches, unique(matches))
}

// fieldMatches are the classes of the raw values that an output held.
const fieldMatches = "raw_matches"

// unique returns the names, each once, in order.
func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
