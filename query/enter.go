package query

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/zone"
)

// run is one question on its way: the request, the facts it stands on, and the
// context that a suspension ends.
type run struct {
	engine  *Engine
	id      string
	request Request
	resumed bool
	began   time.Time
	took    took
	facts   registry.Facts // set under engine.mu, by the run alone
	known   bool           // facts are read; guarded by engine.mu
	turn    *turn          // nil before it is admitted
	found   found          // by judging, for the reasons of a refusal
	filled  filled         // of a template, once that is posed
	ruled   *ruled         // the decision on the statement; nil before there is one
	pack    policy.Pack
	catalog *catalog
	// consented is who the rows by consent are cut to; nil where policy was not told
	// that they are.
	consented *consented
	touched   []zone.Projection // columns whose raw values no text may hold, from when on rows are read
	identity  string            // names the question by digest; "" before it is decided, or if it is to run whenever it is asked
	ctx       context.Context
	cancel    context.CancelCauseFunc

	coarsens *coarsening // in whose place it is, by a reviewer; nil of a question as asked

	intended bool          // its intent stands; guarded by engine.mu
	gone     chan struct{} // closed when nothing of it runs any more
}

// stored is what the registry keeps of a run, encrypted: the question itself,
// never an answer.
type stored struct {
	Scenario, Purpose, SQL, Recipient string

	Template   string            `json:",omitempty"`
	Version    int64             `json:",omitempty"` // of the template
	Parameters map[string]string `json:",omitempty"`

	Form string `json:",omitempty"` // of the file that leaves
}

// enter registers the run and reads one consistent snapshot of facts. A resumed
// run is the stored one: its question cannot be changed on the way.
func (e *Engine) enter(ctx context.Context, req Request) (*run, error) {
	r := &run{engine: e, request: req, id: req.Resume, began: e.cfg.Now(), gone: make(chan struct{})}
	r.took.mark = r.began
	r.ctx, r.cancel = context.WithCancelCause(context.WithValue(ctx, runKey{}, r))
	if req.Resume != "" {
		if err := r.load(); err != nil {
			return nil, err
		}
	} else {
		if err := req.whole(); err != nil {
			return nil, err
		}
		r.id = newID("run", e.cfg.Now())
		if req.of != nil {
			r.id = req.of.kept.Run
		}
		if r.request.Recipient == "" {
			r.request.Recipient = req.Subject.user
		}
	}
	if err := e.register(r); err != nil {
		return nil, err
	}
	if err := r.read(); err != nil {
		r.leave()
		return nil, err
	}
	return r, nil
}

// form is the form of the file that leaves: as asked, else the first that the scenario
// names, else the first of all. Of a scenario that names no form of a file any is one.
func (r *run) form() (string, *Error) {
	named := slices.DeleteFunc(slices.Clone(r.facts.Scenario.Spec.OutputForms), func(f string) bool { return !slices.Contains(release.Forms(), f) })
	switch {
	case len(named) == 0:
		return cmp.Or(r.request.Form, release.FormArrow), nil
	case r.request.Form == "":
		return named[0], nil
	case slices.Contains(named, r.request.Form):
		return r.request.Form, nil
	}
	list := strings.Join(named, ", ")
	return "", denied([]Detail{{Code: "RELEASE_FORM", Articles: []string{"YC22-27"},
		ZH: "应用场景不允许该成果形式:" + r.request.Form, EN: "the scenario does not allow this form of output: " + r.request.Form,
		HintZH: "改用 --form " + list + " 之一,或不写", HintEN: "use --form with one of " + list + ", or leave it out"}}).of(r.id)
}

// whole checks that a new question has all its parts, and none too many.
func (req Request) whole() error {
	switch {
	case req.Scenario == "" || req.SQL == "" && req.Template == "":
		return fail("BAD_REQUEST", nil).because("缺少场景或语句", "the scenario or the statement is missing")
	case req.SQL != "" && req.Template != "":
		return fail("BAD_REQUEST", nil).because("语句与模板只能择一", "it has a statement and a template")
	case req.Form != "" && !slices.Contains(release.Forms(), req.Form):
		return fail("BAD_REQUEST", nil).because("文件形式须为 "+strings.Join(release.Forms(), "、")+" 之一", "the form of the file is one of "+strings.Join(release.Forms(), ", "))
	case req.Template == "" && len(req.Parameters) > 0:
		return fail("BAD_REQUEST", nil).because("只有模板可以带参数", "only a template has parameters")
	}
	return nil
}

// load takes the question of a stored run, which only its requester may resume.
func (r *run) load() error {
	if r.request.SQL != "" || r.request.Scenario != "" || r.request.Purpose != "" || r.request.Recipient != "" ||
		r.request.Template != "" || len(r.request.Parameters) > 0 || r.request.Form != "" {
		return fail("BAD_REQUEST", nil).because("--resume 不能与其他参数同用", "resume takes no other part of a request")
	}
	old, err := r.engine.registry.LoadRun(r.ctx, r.id)
	if errors.Is(err, registry.ErrNotFound) || err == nil && old.User != r.request.Subject.user {
		return fail("NOT_FOUND", nil)
	}
	if err != nil {
		return asError(err)
	}
	if old.Shredded {
		return fail("DATA_SHREDDED", nil).of(r.id)
	}
	var s stored
	if err := json.Unmarshal(old.Request, &s); err != nil {
		return asError(fmt.Errorf("query: stored run %s: %w", r.id, err))
	}
	r.request.Scenario, r.request.Purpose, r.request.SQL, r.request.Recipient = s.Scenario, s.Purpose, s.SQL, s.Recipient
	r.request.Template, r.request.Parameters, r.request.Form = s.Template, s.Parameters, s.Form
	r.filled = filled{s.Version, s.Parameters}
	r.resumed = true
	return nil
}

// read fills the facts of the run, or fills them again: those of now.
func (r *run) read() error {
	e := r.engine
	err := r.learn()
	switch {
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, errOtherOperator):
		why := fail("NOT_FOUND", err).because("场景 "+printName(r.request.Scenario), "scenario "+printName(r.request.Scenario)).of(r.id)
		why.Articles = []string{"NJ24-13"}
		return why
	case errors.Is(err, registry.ErrInactive):
		return fail("AUTH_FAILED", err).of(r.id)
	case err != nil:
		return r.stopped(err)
	}
	if err := r.request.of.stands(r); err != nil {
		return err
	}
	if r.pack, err = e.policy().Pack(r.facts.Zone.Spec.Pack); err != nil {
		return asError(err).of(r.id)
	}
	if r.catalog, err = newCatalog(r.facts, r.pack, e.cfg.Now()); err != nil {
		return asError(err).of(r.id)
	}
	return nil
}

// errOtherOperator is why another operator than the license's, or a partner without the
// scenario, is told of a scenario what is told of one that is not there: not a word
// about its catalogue and grants, nor that it is anybody's.
var errOtherOperator = errors.New("query: a scenario of another operator's license")

// learn makes the registry's facts the run's.
func (r *run) learn() error {
	f, err := r.engine.factsOf(r.ctx, r.request.Subject, registry.Query{User: r.request.Subject.user, Scenario: r.request.Scenario, Template: r.request.Template})
	if err != nil {
		return err
	}
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	r.facts, r.known = f, true
	return nil
}

// factsOf reads what a question of s stands on, in the zone of its scenario.
func (e *Engine) factsOf(ctx context.Context, s Subject, q registry.Query) (f registry.Facts, err error) {
	if err := e.TakeEffect(ctx); err != nil {
		return f, err
	}
	// The scenario's license names the zone; a client never does.
	l, err := e.licenseOf(ctx, q.Scenario)
	if err != nil {
		return f, err
	}
	q.Zone = l.Zone
	f, err = e.registry.Enter(ctx, q)
	if err == nil && s.stranger(f) {
		return registry.Facts{}, errOtherOperator
	}
	return f, err
}

// stranger reports whether s is of an operator that has nothing to do with the scenario.
func (s Subject) stranger(f registry.Facts) bool {
	return s.any(registry.RoleOperator) && s.organization != f.License.Spec.Operator &&
		(f.Partner == nil || !slices.Contains(f.Partner.Spec.Scenarios, f.Scenario.Name))
}

func (e *Engine) licenseOf(ctx context.Context, scenario string) (registry.License, error) {
	s, err := registry.Current[registry.Scenario](ctx, e.registry, registry.KindScenario, scenario)
	if err != nil {
		return registry.License{}, err
	}
	l, err := registry.Current[registry.License](ctx, e.registry, registry.KindLicense, s.Spec.License)
	return l.Spec, err
}

// register puts the run where a suspension finds it. One run is under way once.
func (e *Engine) register(r *run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return fail("STOPPING", errStopped).of(r.id)
	}
	if _, busy := e.runs[r.id]; busy {
		return fail("RUN_STATE", nil).because("正在执行", "it is under way").of(r.id)
	}
	e.runs[r.id] = r
	return nil
}

// leave takes the run out again and ends what still runs for it.
func (r *run) leave() {
	r.cancel(context.Canceled)
	if r.turn != nil {
		r.turn.leave()
	}
	r.engine.mu.Lock()
	delete(r.engine.runs, r.id)
	ended := r.known && r.pastItsTerm()
	r.engine.mu.Unlock()
	close(r.gone)
	if ended { // the question itself was refused for it
		_ = r.engine.ExpireDue(context.WithoutCancel(r.ctx)) // it logs, and the next look comes
	}
}

// question returns the run as the registry keeps it.
func (r *run) question() (registry.Run, error) {
	body, err := json.Marshal(stored{r.request.Scenario, r.request.Purpose, r.request.SQL, r.request.Recipient,
		r.request.Template, r.filled.version, r.filled.parameters, r.request.Form})
	if err != nil {
		return registry.Run{}, fmt.Errorf("query: store run %s: %w", r.id, err)
	}
	return registry.Run{ID: r.id, User: r.request.Subject.user, Zone: r.facts.Zone.Name, Scenario: r.request.Scenario, Request: body}, nil
}

// newID returns an id that sorts by time: 48 bits of milliseconds and 80 random
// ones, 26 letters and digits after the prefix, as a ULID has.
func newID(prefix string, at time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(at.UnixMilli())<<16)
	rand.Read(b[6:])
	return prefix + "-" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// printName returns a name as a message may show it: what is not a possible
// document name is not repeated.
func printName(s string) string {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return "?"
		}
	}
	if s == "" || len(s) > 63 {
		return "?"
	}
	return s
}
