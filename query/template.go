package query

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/sandbox"
)

// posed is a run whose statement is known.
type posed struct{ *admitted }

// filled is what a run by a template stands on: the version of the template, and
// the value of every parameter in its one spelling. It is stored with the run;
// a run by SQL has none.
type filled struct {
	version    int64
	parameters map[string]string
}

// pose makes the statement of a template of the scenario the question's, and
// checks the values for its parameters. They go to the engine beside the
// statement: neither analysis nor print ever sees one. A resumed run stands on
// the version and the values it was approved with.
func (a *admitted) pose() (*posed, error) {
	r := a.run
	if r.request.Template == "" {
		return &posed{a}, nil
	}
	t := r.facts.Template
	if t == nil {
		name := printName(r.request.Template)
		return nil, fail("NOT_FOUND", nil).because("模板 "+name, "template "+name).of(r.id)
	}
	if !r.templateInForce() {
		return nil, fail("TEMPLATE_NOT_IN_FORCE", nil).because(t.Name, t.Name).of(r.id)
	}
	if r.resumed && r.filled.version != t.Version {
		return nil, fail("APPROVAL_VOID", nil).of(r.id)
	}
	values, err := chosen(t.Spec, r.request.Parameters)
	if err != nil {
		return nil, err.of(r.id)
	}
	r.request.SQL, r.request.Parameters = t.Spec.SQL, values
	r.filled = filled{t.Version, values}
	return &posed{a}, nil
}

// templateInForce reports whether the template of the run may be asked now.
func (r *run) templateInForce() bool {
	return *templateFacts(r.facts.Template, r.pack, r.engine.cfg.Now()).InForce
}

// chosen returns the value of every parameter of t. The error names each
// parameter that has none, and what it takes; never what was given.
func chosen(t registry.Template, given map[string]string) (map[string]string, *Error) {
	values := map[string]string{}
	var faults []*Error
	for _, p := range t.Parameters {
		text, ok := given[p.Name]
		if !ok && p.Default != nil {
			text, ok = *p.Default, true
		}
		en, zh := p.Takes()
		if !ok {
			faults = append(faults, fail("PARAMETER_MISSING", nil).because(p.Name+"("+zh+")", p.Name+" ("+en+")"))
			continue
		}
		v, err := p.Value(text)
		if err != nil {
			faults = append(faults, fail("PARAMETER_VALUE", nil).because(p.Name+" 须为 "+zh, p.Name+" takes "+en))
			continue
		}
		values[p.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.ContainsFunc(t.Parameters, func(p registry.Parameter) bool { return p.Name == name }) {
			faults = append(faults, fail("PARAMETER_EXTRA", nil).because(printName(name), printName(name)))
		}
	}
	if len(faults) == 0 {
		return values, nil
	}
	first := faults[0]
	for _, f := range faults {
		if first.Class != ClassDenied && f.Class == ClassDenied {
			first = f
		}
	}
	for _, f := range faults {
		first.Details = append(first.Details, Detail{Code: f.Code, ZH: f.ZH, EN: f.EN, HintZH: f.HintZH, HintEN: f.HintEN, Articles: f.Articles})
	}
	return nil, first
}

// parameterTypes are the engine's types of the run's parameters.
func (r *run) parameterTypes() map[string]string {
	out := map[string]string{}
	if r.facts.Template != nil {
		for _, p := range r.facts.Template.Spec.Parameters {
			out[p.Name] = p.Type
		}
	}
	return out
}

// values returns the parameters that the rewrite has, with their values.
func (r *run) values(s *analysis.Statement) []sandbox.Parameter {
	var out []sandbox.Parameter
	types := r.parameterTypes()
	for _, name := range s.Parameters() {
		// An unknown type ends the statement: the worker has no such parameter.
		engine, _ := engineType(types[name])
		out = append(out, sandbox.Parameter{Name: name, Type: engine, Text: r.filled.parameters[name]})
	}
	return out
}

// countsRows refuses a value below 0 where the statement counts rows by it.
func (r *run) countsRows(s *analysis.Statement) error {
	for _, c := range []*analysis.Count{s.Limit, s.Offset} {
		if n := r.count(c); n != nil && *n < 0 {
			return fail("PARAMETER_VALUE", nil).because(c.Parameter+" 在此处为行数,不得小于 0", c.Parameter+" is a number of rows here, at least 0").of(r.id)
		}
	}
	return nil
}

// count returns how many rows c means, nil if it is nil.
func (r *run) count(c *analysis.Count) *int64 {
	if c == nil {
		return nil
	}
	n := c.N
	if c.Parameter != "" {
		n, _ = strconv.ParseInt(r.filled.parameters[c.Parameter], 10, 64)
	}
	return &n
}

// constants returns the values of a need, those of parameters among them.
func (r *run) constants(n analysis.Need) []string {
	out := slices.Clone(n.Values)
	for _, name := range n.Parameters {
		out = append(out, r.filled.parameters[name])
	}
	return out
}

// parametersDigest stands for the values that a question gives, as they are
// checked: the SHA-256 of their names and texts in canonical JSON, of nothing for
// a question by SQL.
func (req Request) parametersDigest() string {
	var text []byte
	if req.Template != "" {
		text, _ = json.Marshal(req.Parameters) // a map of texts always encodes, by name
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// templateFacts returns the template as policy knows it.
func (r *run) templateFacts() *policy.Template {
	if r.facts.Template == nil {
		return nil
	}
	return templateFacts(r.facts.Template, r.pack, r.engine.cfg.Now())
}

func templateFacts(t *registry.Versioned[registry.Template], pack policy.Pack, now time.Time) *policy.Template {
	asked := t.Spec.Status != registry.StatusRevoked && inForce(t.Spec.From, t.Spec.Until, pack, now)
	return &policy.Template{ID: t.Name, Version: t.Version, InForce: &asked}
}

// view returns which template a stored question asked, with the values.
func (s stored) view() (template string, values []ValueView) {
	if s.Version == 0 {
		return "", nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		values = append(values, ValueView{name, s.Parameters[name]})
	}
	return s.Template + " " + strconv.FormatInt(s.Version, 10), values
}

// shown returns the template that was asked, by name and version, and the digest
// of the values: what labels and the log hold. Both are empty of a question by
// SQL.
func (f filled) shown(r *run) (template, parameters string) {
	if f.version == 0 {
		return "", ""
	}
	return r.request.Template + " " + strconv.FormatInt(f.version, 10), r.request.parametersDigest()
}

// note adds what is shown to the fields of an event about the question; that of
// its output names the artifact, whose label tells it. Names may be so long that
// an entry has no room for both; then it holds the digest of the two, as asked,
// or nothing more than the binding, which stands for them too.
func (f filled) note(r *run, e registry.Event) {
	template, parameters := f.shown(r)
	if template == "" || !strings.HasPrefix(e.Kind, "query.") {
		return
	}
	fits := func() bool { return entryOf(registry.Pending{Event: e}).Fits() }
	e.Fields["template"], e.Fields["parameters"] = template, parameters
	if fits() {
		return
	}
	delete(e.Fields, "template")
	delete(e.Fields, "parameters")
	sum := sha256.Sum256([]byte(template + "\n" + parameters))
	e.Fields["asked"] = hex.EncodeToString(sum[:])
	if !fits() {
		delete(e.Fields, "asked")
	}
}
