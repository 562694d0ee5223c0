package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// expertPrefix begins the code of every reason of an expert rule, so that none
// passes for one of the library.
const expertPrefix = "EXPERT_"

// expertBuiltins are the functions that expert rules may call: of values alone,
// without clock, chance, network, host, or a text that is code; and none whose
// result is longer than what it is given, so that no chain of calls doubles a value.
var expertBuiltins = []string{
	"abs", "and", "array.reverse", "array.slice", "assign", "contains", "count", "div", "endswith",
	"eq", "equal", "gt", "gte", "indexof", "internal.member_2", "internal.member_3", "intersection",
	"is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string", "lower", "lt", "lte", "max", "min", "minus",
	"neq", "object.get", "object.keys", "or", "plus", "regex.match", "sort", "split", "startswith", "substring",
	"sum", "to_number", "trim", "trim_prefix", "trim_space", "trim_suffix", "union", "upper",
}

// expertCapabilities are what OPA compiles expert rules with.
func expertCapabilities() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	all.Builtins = slices.DeleteFunc(all.Builtins, func(b *ast.Builtin) bool { return !slices.Contains(expertBuiltins, b.Name) })
	all.AllowNet = []string{}
	return all
}

// expertPackage is data.zonebox.expert, below which every module has a place of
// its own name.
var expertPackage = ast.MustParseRef("data.zonebox.expert")

// An expert asks the rules of a bundle. They are compiled alone: the library is
// not there to be named or redefined, and what comes out is read by tighten, which
// only ever takes away.
type expert struct {
	query rego.PreparedEvalQuery
}

// compileExpert compiles expert rules by file name, and returns nil if there are
// none. It refuses a module outside its own package, a rule that reads data, and a
// function that is not on the list.
func compileExpert(files map[string]string) (*ast.Compiler, error) {
	if len(files) == 0 {
		return nil, nil
	}
	capabilities := expertCapabilities()
	parsed := map[string]*ast.Module{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !utf8.ValidString(files[name]) {
			return nil, fmt.Errorf("%s is not UTF-8", name)
		}
		m, err := ast.ParseModuleWithOpts(name, files[name], ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities})
		if err != nil {
			return nil, fmt.Errorf("%s cannot be read as Rego", name)
		}
		own := strings.TrimSuffix(strings.TrimPrefix(name, "expert/"), ".rego")
		if !m.Package.Path.Equal(expertPackage.Append(ast.StringTerm(own))) {
			return nil, fmt.Errorf("%s is not package zonebox.expert.%s", name, own)
		}
		if err := confined(name, m); err != nil {
			return nil, err
		}
		parsed[name] = m
	}
	c := ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities)
	if c.Compile(parsed); c.Failed() {
		return nil, fmt.Errorf("rules do not compile: %s", places(c.Errors))
	}
	return c, nil
}

// places lists the kinds and lines of compile errors, not their texts.
func places(errs ast.Errors) string {
	var all []string
	for _, e := range errs {
		at := ""
		if e.Location != nil {
			at = fmt.Sprintf(" at %s:%d", e.Location.File, e.Location.Row)
		}
		all = append(all, e.Code+at)
	}
	return strings.Join(all, ", ")
}

// confined refuses a module that reads anything but its input and itself.
func confined(name string, m *ast.Module) error {
	var err error
	refuse := func(loc *ast.Location, what string) {
		if err == nil {
			err = fmt.Errorf("%s:%d %s", name, loc.Row, what)
		}
	}
	for _, i := range m.Imports {
		if path, ok := i.Path.Value.(ast.Ref); !ok || !path.HasPrefix(ast.MustParseRef("input")) && !path.HasPrefix(ast.MustParseRef("rego.v1")) {
			refuse(i.Location, "imports what is not input")
		}
	}
	for _, r := range m.Rules {
		ast.WalkTerms(r, func(t *ast.Term) bool {
			switch v := t.Value.(type) {
			case ast.Ref:
				if v.HasPrefix(ast.DefaultRootRef) {
					refuse(t.Location, "reads data")
				}
			case ast.Var:
				if v.Equal(ast.DefaultRootDocument.Value) {
					refuse(t.Location, "reads data")
				}
			}
			return false
		})
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			if len(e.With) > 0 {
				refuse(e.Location, "replaces what it reads")
			}
			return false
		})
	}
	return err
}

// newExpert prepares the rules of a bundle, or returns nil if it has none.
func newExpert(ctx context.Context, files map[string]string) (*expert, error) {
	c, err := compileExpert(files)
	if err != nil || c == nil {
		return nil, err
	}
	q, err := rego.New(rego.Query(expertPackage.String()), rego.Compiler(c), rego.StrictBuiltinErrors(true), rego.GenerateJSON(short)).PrepareForEval(ctx)
	if err != nil {
		return nil, err
	}
	return &expert{q}, nil
}

// opinion is what a module says. What is absent says nothing.
type opinion struct {
	Deny   []finding `json:"deny"`
	Demand []demand  `json:"demand"`
	Limit  limit     `json:"limit"`
}

// finding is why a module denies.
type finding struct {
	Code    string `json:"code"`
	Article string `json:"article"`
	About   string `json:"about"`
	ZH      string `json:"zh"`
	EN      string `json:"en"`
}

// demand is a review that a module wants, and why: query_review, release_review,
// or second_person, which is a release review by two.
type demand struct {
	Review string `json:"review"`
	finding
}

// limit holds figures that a module wants; one that is laxer than the pack's
// changes nothing.
type limit struct {
	MinGroup   *int `json:"min_group"`
	RowCap     *int `json:"row_cap"`
	RecordCap  *int `json:"record_cap"`
	TTLSeconds *int `json:"ttl_seconds"`
}

// Bounds of what a module may say.
const (
	maxFindings = 100
	maxText     = 600 // bytes
	maxFigure   = 1 << 40
)

var (
	expertCode    = regexp.MustCompile(`^` + expertPrefix + `[A-Z][A-Z0-9_]{1,50}$`)
	expertArticle = regexp.MustCompile(`^[A-Z][A-Z0-9]{1,15}-[0-9A-Za-z.]{1,30}$`)
)

// errExpert is an opinion that cannot be read. Doubt is a denial.
var errExpert = errors.New("expert rules gave no usable result")

// ask returns the opinions of every module on an input. An error is a reason to
// deny, whatever it is.
func (x *expert) ask(ctx context.Context, input ast.Value) ([]opinion, error) {
	m := newMeter()
	defer context.AfterFunc(ctx, m.cancel.Cancel)()
	results, err := x.query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalQueryTracer(m), rego.EvalExternalCancel(m.cancel))
	if err != nil {
		return nil, err
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return nil, errExpert
	}
	modules, ok := results[0].Expressions[0].Value.(map[string]any)
	if !ok {
		return nil, errExpert
	}
	var all []opinion
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		values, ok := modules[name].(map[string]any)
		if !ok {
			return nil, errExpert
		}
		o, err := readOpinion(values)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// readOpinion reads the three rules of a module that count; its others are its own.
func readOpinion(values map[string]any) (o opinion, err error) {
	said := map[string]any{}
	for _, name := range []string{"deny", "demand", "limit"} {
		if v, ok := values[name]; ok {
			said[name] = v
		}
	}
	raw, err := json.Marshal(said)
	if err != nil {
		return o, errExpert
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&o); err != nil {
		return o, errExpert
	}
	if len(o.Deny)+len(o.Demand) > maxFindings {
		return o, errExpert
	}
	for _, f := range o.Deny {
		if !f.whole() {
			return o, errExpert
		}
	}
	for _, d := range o.Demand {
		if !d.whole() || !slices.Contains([]string{demandQuery, demandRelease, demandSecond}, d.Review) {
			return o, errExpert
		}
	}
	for _, n := range []*int{o.Limit.MinGroup, o.Limit.RowCap, o.Limit.RecordCap, o.Limit.TTLSeconds} {
		if n != nil && (*n < 0 || *n > maxFigure) {
			return o, errExpert
		}
	}
	return o, nil
}

// whole reports whether a finding has all that people need: a code, an article and
// both texts.
func (f finding) whole() bool {
	return expertCode.MatchString(f.Code) && expertArticle.MatchString(f.Article) &&
		len(f.ZH) <= maxText && len(f.EN) <= maxText && len(f.About) <= maxText &&
		strings.ContainsFunc(f.ZH, func(r rune) bool { return unicode.Is(unicode.Han, r) }) && strings.TrimSpace(f.EN) != "" &&
		!strings.ContainsFunc(f.ZH+f.EN+f.About, unicode.IsControl)
}

func (f finding) reason() Reason { return Reason(f) }
