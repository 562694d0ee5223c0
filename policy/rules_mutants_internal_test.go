package policy

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// mutant makes the nth change of a module, in place, and says which; "" if there
// are fewer.
func mutant(m *ast.Module, n int) (what string) {
	at := func(loc *ast.Location, format string, args ...any) bool {
		if n--; n == -1 {
			what = fmt.Sprintf("%d: ", loc.Row) + fmt.Sprintf(format, args...)
		}
		return n == -1
	}
	for i, r := range m.Rules {
		if at(r.Loc(), "without %s", strings.SplitN(r.String(), "\n", 2)[0]) {
			m.Rules = slices.Delete(m.Rules, i, i+1)
			return what
		}
		if r.Else != nil && at(r.Else.Loc(), "without its else") {
			r.Else = nil
			return what
		}
	}
	literal := func(t *ast.Term) {
		switch v := t.Value.(type) {
		case ast.Set:
			for i, e := range v.Slice() {
				if at(t.Loc(), "%v without %v", v, e) {
					t.Value = ast.NewSet(slices.Delete(slices.Clone(v.Slice()), i, i+1)...)
				}
			}
		case *ast.Array:
			var all []*ast.Term
			v.Foreach(func(e *ast.Term) { all = append(all, e) })
			for i, e := range all {
				if at(t.Loc(), "%v without %v", v, e) {
					t.Value = ast.NewArray(slices.Delete(slices.Clone(all), i, i+1)...)
				}
			}
		case ast.Object:
			for _, k := range v.Keys() {
				if at(t.Loc(), "%v without %v", v, k) {
					var rest [][2]*ast.Term
					v.Foreach(func(key, value *ast.Term) {
						if !key.Equal(k) {
							rest = append(rest, [2]*ast.Term{key, value})
						}
					})
					t.Value = ast.NewObject(rest...)
				}
			}
		case ast.Number:
			if i, ok := v.Int(); ok && at(t.Loc(), "%d for %d", i+1, i) {
				t.Value = ast.Number(fmt.Sprint(i + 1))
			}
		case ast.String:
			if at(t.Loc(), "another text than %v", v) {
				t.Value = ast.String(string(v) + "#")
			}
		}
	}
	values := func(x any) {
		ast.WalkTerms(x, func(t *ast.Term) bool {
			if _, ok := t.Value.(ast.Ref); ok {
				return true // a path
			}
			literal(t)
			return what != ""
		})
	}
	order := map[string]string{"lt": "lte", "lte": "lt", "gt": "gte", "gte": "gt", "equal": "neq", "neq": "equal"}
	body := func(b ast.Body) {
		for i, e := range b {
			if what != "" {
				return
			}
			if _, declared := e.Terms.(*ast.SomeDecl); !declared {
				if t, ok := e.Terms.(*ast.Term); ok && ast.Boolean(true).Equal(t.Value) {
					continue
				}
				if at(e.Loc(), "without condition %v", e) {
					b[i] = ast.NewExpr(ast.BooleanTerm(true))
					b[i].Location = e.Location
					return
				}
				if at(e.Loc(), "the opposite of %v", e) {
					e.Negated = !e.Negated
					return
				}
			}
			if e.IsCall() {
				if other, ok := order[e.Operator().String()]; ok && at(e.Loc(), "%s for %v", other, e) {
					e.Terms.([]*ast.Term)[0] = ast.NewTerm(ast.RefTerm(ast.VarTerm(other)).Value)
					return
				}
			}
			values(e)
		}
	}
	for _, r := range m.Rules {
		for one := r; one != nil && what == ""; one = one.Else {
			if one.Head.Value != nil && len(one.Head.Reference) == 1 && one.Head.Key == nil {
				values(one.Head.Value)
			}
		}
		ast.WalkBodies(r, func(b ast.Body) bool {
			if what == "" {
				body(b)
			}
			return what != ""
		})
	}
	return what
}

// leastKilled is the share, in percent, of changes that some case must tell. The
// others are named by the test; most change nothing that any facts can show.
const leastKilled = 95

// TestMutantsOfTheRulesAreKilled changes the rules in one place each, as mutant does,
// and wants a case of testdata/cases.json or a test of rego/tests to say otherwise. It tries every change,
// which takes the better part of an hour, and so in a campaign only.
func TestMutantsOfTheRulesAreKilled(t *testing.T) {
	if os.Getenv("ZONEBOX_CAMPAIGN") == "" {
		t.Skip("a campaign")
	}
	b, err := loadBundle(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := testModules(t, b)
	store := inmem.NewFromObjectWithOpts(b.data, inmem.OptReturnASTValuesOnRead(true))
	cases := judgedCases(t)
	var all []place
	for _, name := range slices.Sorted(maps.Keys(b.modules)) {
		for n := 0; ; n++ {
			what := mutant(ast.MustParseModule(b.modules[name]), n)
			if what == "" {
				break
			}
			all = append(all, place{name, n, what})
		}
	}
	if survivor := killer(t, b, store, tests, cases, place{n: -1}); survivor != "" {
		t.Fatalf("the rules as they are: %s", survivor)
	}
	places, killed, stillborn := make(chan place), 0, 0
	var lock sync.Mutex
	var hands sync.WaitGroup
	for range 2 {
		hands.Go(func() {
			for p := range places {
				by := killer(t, b, store, tests, cases, p)
				lock.Lock()
				switch {
				case by == "compiler":
					stillborn++
				case by != "":
					killed++
				default:
					t.Logf("lives: %s:%s", p.module, p.what)
				}
				lock.Unlock()
			}
		})
	}
	for _, p := range all {
		places <- p
	}
	close(places)
	hands.Wait()
	t.Logf("of %d changes %d do not compile, %d are killed", len(all), stillborn, killed)
	if 100*killed < leastKilled*(len(all)-stillborn) {
		t.Errorf("fewer than %d %% are killed", leastKilled)
	}
}

// place is the nth change of a module.
type place struct {
	module string
	n      int
	what   string
}

// killer returns the name of a case or Rego test that the rules with a change fail,
// "compiler" if they are none, and "" if all hold.
func killer(t *testing.T, b *bundle, store storage.Store, tests map[string]*ast.Module, cases []judged, p place) string {
	modules := map[string]*ast.Module{}
	for name, text := range b.modules {
		modules[name] = ast.MustParseModule(text)
	}
	if p.n >= 0 {
		mutant(modules[p.module], p.n)
	}
	c := ast.NewCompiler()
	if c.Compile(modules); c.Failed() {
		return "compiler"
	}
	query, err := rego.New(rego.Query("data.zonebox.decision"), rego.Compiler(c), rego.Store(store), rego.StrictBuiltinErrors(true)).PrepareForEval(t.Context())
	if err != nil {
		return "compiler"
	}
	own := func(c judged) bool { return c.code != "" && strings.Contains(b.modules[p.module], `"`+c.code+`"`) }
	reader := &Evaluator{}
	for _, first := range []bool{true, false} { // those the module has the code of are the likelier
		for _, c := range cases {
			if own(c) != first {
				continue
			}
			d := Decision{Verdict: Deny}
			if results, err := query.Eval(t.Context(), rego.EvalParsedInput(c.input)); err == nil && len(results) == 1 {
				if d, err = reader.read(results[0].Expressions[0].Value); err != nil {
					d = Decision{Verdict: Deny}
				}
			}
			if !c.holds(d) {
				return c.name
			}
		}
	}
	for name, m := range tests {
		modules[name] = m.Copy()
	}
	results, err := tester.NewRunner().SetStore(store).SetModules(modules).SetTimeout(5*time.Minute).RunTests(t.Context(), nil)
	if err != nil {
		return err.Error()
	}
	by := ""
	for r := range results {
		if !r.Pass() {
			by = r.Name
		}
	}
	return by
}
