package release_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/release"
)

// A file says how its columns were masked and how well it hides people; one that
// says nothing of it reads as files did before either was said.
func TestAFileSaysHowItsColumnsWereMasked(t *testing.T) {
	fields := []arrow.Field{field("name", arrow.BinaryTypes.String), field("n", arrow.PrimitiveTypes.Int64)}
	grade := &release.Effect{Level: 2, Rule: "risk_above_threshold", K: 3, L: 1, Risk: 0.3333, Threshold: 0.05, TokenMatched: 0.1}
	for _, c := range []struct {
		name, technique string
		effect          *release.Effect
	}{{"said", "抑制技术·屏蔽", grade}, {"unsaid", "", nil}} {
		plan := release.Plan{RowCap: 10, CellCap: 1 << 30, ByteCap: 1 << 30, Columns: []release.Column{
			{Name: "name", Type: "VARCHAR", Form: release.Masked, Technique: c.technique}, {Name: "n", Type: "BIGINT", Form: release.Clear},
		}}
		checked, _, err := release.Check(stream(batch(t, memory.DefaultAllocator, fields, `{"name":"王*","n":1}`)), plan)
		if err != nil {
			t.Fatal(err)
		}
		dir, aead := t.TempDir(), newAEAD(t)
		if _, err := saved(checked, "run-1", dir, aead); err != nil {
			t.Fatal(err)
		}
		held, err := release.LoadHeld(dir, "run-1", aead) // a result that waited
		if err != nil {
			t.Fatal(err)
		}
		private, public := newRecipient(t, suite)
		l := label()
		l.Effect = c.effect
		a, err := held.Seal(release.Sealing{Label: l, Recipient: public, Columns: release.ColumnsOf(checked.Schema())}, newGate(1))
		if err != nil {
			t.Fatal(err)
		}
		header := strings.Split(string(a.Bytes()), "\n")[1]
		if said := strings.Contains(header, `"technique"`) && strings.Contains(header, `"effect"`); said != (c.effect != nil) {
			t.Errorf("%s: the header is %s", c.name, header)
		}
		o, err := release.Open(a.Bytes(), release.Key{HPKE: private}, newGate(1).public())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if o.Columns[0].Technique != c.technique || o.Columns[1].Technique != "" || (o.Label.Effect == nil) != (c.effect == nil) || c.effect != nil && *o.Label.Effect != *c.effect {
			t.Errorf("%s: opened are %+v and %+v", c.name, o.Columns, o.Label.Effect)
		}
	}
}

// What is inspected are the rows as they leave; what it finds can end the release.
func TestInspectSeesWhatLeaves(t *testing.T) {
	fields := []arrow.Field{field("name", arrow.BinaryTypes.String), field("k", arrow.PrimitiveTypes.Uint32)}
	refusal := errors.New("no")
	seen := ""
	plan := release.Plan{Protected: true, RowCap: 10, CellCap: 1 << 30, ByteCap: 1 << 30, Limit: ptr(1), Columns: []release.Column{{Name: "name", Type: "VARCHAR", Form: release.GroupLabel}},
		Hidden: []release.Hidden{{Kind: release.Group, K: 2}}}
	for _, answer := range []error{nil, refusal} {
		plan.Inspect = func(r arrow.RecordBatch) error {
			seen += r.Column(0).String()
			return answer
		}
		alloc := checked(t)
		plan.Allocator = alloc
		c, _, err := release.Check(stream(batch(t, alloc, fields, `{"name":"a","k":1},{"name":"c","k":2},{"name":"b","k":2}`)), plan)
		if !errors.Is(err, answer) {
			t.Errorf("Check = %v, want %v", err, answer)
		}
		if err == nil {
			c.Release()
		}
	}
	if seen != `["b"]["b"]` {
		t.Errorf("seen are %s", seen)
	}
}
