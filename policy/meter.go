package policy

import (
	"errors"
	"runtime/metrics"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Bounds of what expert rules may take of the gate's memory.
const (
	maxGrowth = 256 << 20 // bytes that the heap may grow while they are evaluated
	maxValues = 100_000   // values in what they say, each counted as often as it is said
	everySo   = 256       // steps between two looks at the heap
)

// meter ends an evaluation during which the heap grows by more than maxGrowth. It
// looks at the heap of the whole gate, for Go tells no other: beside much else
// expert rules may be refused early, and never late.
type meter struct {
	cancel topdown.Cancel
	heap   []metrics.Sample
	limit  uint64
	steps  int
}

func newMeter() *meter {
	m := &meter{cancel: topdown.NewCancel(), heap: []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}}
	m.limit = m.used() + maxGrowth
	return m
}

func (m *meter) used() uint64 {
	metrics.Read(m.heap)
	return m.heap[0].Value.Uint64()
}

// TraceEvent is called at every step of the evaluation.
func (m *meter) TraceEvent(topdown.Event) {
	if m.steps++; m.steps%everySo == 0 && m.used() > m.limit {
		m.cancel.Cancel()
	}
}

// Enabled and Config say that steps are to be told, without their values.
func (m *meter) Enabled() bool               { return true }
func (m *meter) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

var errLong = errors.New("expert rules say too much")

// short gives what expert rules say as JSON reads it, and an error if that has more
// than maxValues values: a value that holds another twice, which holds a third twice,
// is small until it is written out.
func short(t *ast.Term, _ *rego.EvalContext) (any, error) {
	if left := maxValues; !fits(t, &left) {
		return nil, errLong
	}
	return ast.JSON(t.Value)
}

// fits reports whether t has at most left values, and takes them off.
func fits(t *ast.Term, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	in := func(t *ast.Term) bool { return !fits(t, left) }
	switch v := t.Value.(type) {
	case *ast.Array:
		return !v.Until(in)
	case ast.Set:
		return !v.Until(in)
	case ast.Object:
		return !v.Until(func(k, v *ast.Term) bool { return in(k) || in(v) })
	}
	return true
}
