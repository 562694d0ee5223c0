package query

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/sandbox"
	"zonebox/zone"
)

// parser is a run with a worker that parses and binds for it, until ctx ends.
type parser struct {
	*run
	session *sandbox.Session
	ctx     context.Context
	close   func()
}

// parsed is a statement in our own typed tree.
type parsed struct {
	*parser
	tree ast.Query
}

// analyzed is a statement of which we know what it would reveal.
type analyzed struct {
	*parser
	*analysis.Statement
	asked *analysis.Statement // before a reviewer's merges
}

// approved is a rewrite whose print was read back as the same tree.
type approved struct {
	*analyzed
	hash [32]byte     // of the engine's tree of the print, locations removed
	word func() *word // policy was asked and answers; nil if it was not
}

// bound is a rewrite that the engine accepts over the granted schema.
type bound struct {
	*approved
	schema []sandbox.Column // of the result, hidden columns last
	said   *word            // of policy
}

// decided is a statement with policy's word on it.
type decided struct {
	*bound
	input    policy.Input
	decision policy.Decision
}

func (e *Engine) startParser(a *posed) (*parser, error) {
	start := e.freshParser
	if a.request.explain {
		start = e.keptParser
	}
	p, err := start(a.run)
	if err != nil {
		return nil, err
	}
	a.found.runtime = runtimeFacts(p.session.Attestation())
	return p, nil
}

// freshParser is for a question that may run: its worker reads nothing else.
func (e *Engine) freshParser(r *run) (*parser, error) {
	s, err := e.startWorker(r)
	if err != nil {
		return nil, err
	}
	return &parser{run: r, session: s, ctx: r.ctx, close: func() { r.closed(s.Close()) }}, nil
}

// keptParser is for an explain: its worker may have read explains of the same
// person before.
func (e *Engine) keptParser(r *run) (*parser, error) {
	if e.pool == nil {
		return nil, errNoWorker
	}
	k, err := e.readers.take(r.ctx, e.pool, r.request.Subject.user)
	if err != nil {
		return nil, r.stopped(err)
	}
	// The end of ctx kills the worker while it reads.
	ctx, cancel := context.WithTimeoutCause(r.ctx, e.readers.age, sandbox.ErrTime)
	return &parser{run: r, session: k.session, ctx: ctx, close: func() {
		well := ctx.Err() == nil
		cancel()
		r.closed(e.readers.give(k, well))
	}}, nil
}

// closed logs what went wrong when a worker was closed.
func (r *run) closed(err error) {
	if err != nil {
		r.engine.log.WarnContext(r.ctx, "close parse worker", "query_id", r.id, "cause", err)
	}
}

func (e *Engine) startWorker(r *run) (*sandbox.Session, error) {
	s, err := e.worker(r.ctx)
	if err != nil {
		return nil, r.stopped(err)
	}
	return s, nil
}

// worker takes a fresh worker from the pool, which a gate opened without one
// does not have.
func (e *Engine) worker(ctx context.Context) (*sandbox.Session, error) {
	if e.pool == nil {
		return nil, errNoWorker
	}
	return e.pool.Start(ctx)
}

var errNoWorker = errors.New("query: the gate has no worker")

// stopped maps an error that is not about the statement: the run was ended, or
// the host failed.
func (r *run) stopped(err error) *Error {
	if r.ctx.Err() != nil {
		return fail("STOPPED", err).of(r.id)
	}
	return asError(err).of(r.id)
}

// outcome is asError of what the run met. What it had not the time to do because it
// was ended is that end, wherever it was on its way.
func (r *run) outcome(err error) *Error {
	why := asError(err)
	if r.ctx.Err() != nil && (why.Code == "INTERNAL" || errors.Is(why, context.Canceled)) {
		return fail("STOPPED", err).of(r.id)
	}
	return why
}

func (p *parser) parse() (*parsed, error) {
	text, err := p.session.Parse(p.ctx, p.request.SQL)
	if err != nil {
		return nil, p.statementError("SYNTAX", err)
	}
	tree, err := ast.Decode(text)
	var unknown *ast.UnknownError
	if errors.As(err, &unknown) {
		return nil, unsupported(unknown, p.request.SQL).of(p.id)
	}
	if err != nil {
		return nil, asError(err).of(p.id)
	}
	p.found.tree = tree
	return &parsed{p, tree}, nil
}

// statementError maps the engine's refusal of a statement; its text stayed in
// the worker.
func (p *parser) statementError(code string, err error) *Error {
	var s *sandbox.StatementError
	switch { // no row was there: what it took to read the statement tells of the statement
	case errors.As(err, &s):
	case p.run.ctx.Err() != nil:
		return p.stopped(err)
	case errors.Is(err, sandbox.ErrMemory):
		return fail("MEMORY_LIMIT", err).of(p.id)
	case errors.Is(err, sandbox.ErrTime):
		return fail("TIME_LIMIT", err).of(p.id)
	case errors.Is(err, sandbox.ErrKilled):
		return fail("STATEMENT_FAILED", err).of(p.id)
	default:
		return p.stopped(err)
	}
	if s.Code == "not_select" || s.Code == "multiple" {
		return denied([]Detail{{Code: "NOT_A_SELECT", Articles: []string{"NJ24-16"},
			ZH: "只接受一条 SELECT 语句", EN: "only one SELECT statement is accepted",
			HintZH: "拆成单条 SELECT 后重试;PIVOT 须写明 ON … IN (…) 的取值", HintEN: "send a single SELECT; a PIVOT must list its values, ON … IN (…)"}}).of(p.id)
	}
	e := fail(code, err).of(p.id)
	if code == "SYNTAX" && s.Offset < 0 {
		e.HintZH, e.HintEN = "检查拼写、引号与括号是否成对", "check the spelling, and that quotes and parentheses come in pairs"
	}
	if code == "SYNTAX" {
		e.Span = placed(p.request.SQL, s.Offset)
	}
	return e
}

// placed is the byte of sql that the engine points at, nil if it points at none.
func placed(sql string, offset int) *Span {
	if offset < 0 {
		return nil
	}
	at := min(ast.Place(sql, offset), len(sql))
	return &Span{at, min(at+1, len(sql))}
}

func unsupported(u *ast.UnknownError, sql string) *Error {
	d := Detail{Code: analysis.UnsupportedSyntax, Articles: []string{"NJ24-16"},
		ZH: "语句含有尚不支持的语法:" + u.Node, EN: "the statement has syntax that is not supported: " + u.Node,
		HintZH: "改用 SELECT、连接、WHERE、GROUP BY、HAVING、ORDER BY、LIMIT、WITH 与 FROM 子查询",
		HintEN: "use SELECT, joins, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, WITH and subqueries in FROM"}
	if at := ast.Place(sql, u.Offset); u.Offset >= 0 && at < len(sql) {
		d.Span = &Span{at, at + 1}
	}
	return denied([]Detail{d})
}

func (p *parsed) analyze() (*analyzed, error) {
	s, err := analysis.Analyze(p.request.SQL, p.tree, p.catalog.Catalog, analysis.Options{Threshold: p.pack.LevelThreshold, Parameters: p.parameterTypes()})
	var refusal *analysis.Refusal
	if errors.As(err, &refusal) {
		p.found.query = knownFacts(p.request, refusal.Known, refusal.Protected)
		return nil, denied(reasons(refusal.Faults)).of(p.id)
	}
	if err != nil {
		return nil, asError(err).of(p.id)
	}
	if len(s.Scans) == 0 {
		return nil, denied([]Detail{{Code: "NO_DATASET", Articles: []string{"NJ24-13"},
			ZH: "语句没有读取任何数据集", EN: "the statement reads no dataset",
			HintZH: "在 FROM 中写明获授权的数据集", HintEN: "name a granted dataset in FROM"}}).of(p.id)
	}
	p.found.query = queryFacts(p.request, s, sha256.Sum256(nil))
	if err := p.countsRows(s); err != nil {
		return nil, err
	}
	if err := p.readableStill(s); err != nil {
		return nil, err
	}
	p.consenting(s)
	if err := p.tokensHide(s); err != nil {
		return nil, err
	}
	p.rounds(s)
	coarser, err := p.coarser(s)
	if err != nil {
		return nil, err
	}
	return &analyzed{p.parser, coarser, s}, nil
}

// reasons tells the faults that the analysis found.
func reasons(faults []analysis.Fault) []Detail {
	var out []Detail
	for _, f := range faults {
		d := Detail{Code: f.Code, ZH: f.ZH, EN: f.EN, HintZH: f.HintZH, HintEN: f.HintEN, Articles: f.Articles, Path: f.Path}
		if h := hintFor(f.Code); d.HintZH == "" {
			d.HintZH, d.HintEN = h.zh, h.en
		}
		if f.Start >= 0 {
			d.Span = &Span{f.Start, f.End}
		}
		out = append(out, d)
	}
	return out
}

// Tokens keep frequencies. A column with fewer than two bits to a value, or
// one value on more than half of the rows, can be read off them.
const (
	tokenEntropy = 2.0
	tokenShare   = 0.5
)

func tooFew(c zone.ColumnStats) bool { return c.Entropy < tokenEntropy || c.Top > tokenShare }

// tokensHide finds against every token recipe on a column that has too few values:
// as its load profile shows, or, by consent, among the rows that are left. decide
// refuses what was found.
func (p *parsed) tokensHide(s *analysis.Statement) error {
	for _, scan := range s.Scans {
		d := p.catalog.datasets[scan.Table]
		if d.Data == nil || p.catalog.byConsent(scan.Table) && p.consented == nil { // policy refuses
			continue
		}
		spread := p.spreads(scan.Table)
		for _, g := range p.catalog.grants[scan.Table].Spec.Columns {
			if g.Recipe == nil || g.Recipe.Kind != "token" || !slices.Contains(scan.Columns, g.Name) {
				continue
			}
			c, rows, err := spread(g.Name)
			if err != nil {
				return p.engine.storeError(err).of(p.id)
			}
			if rows > 0 && tooFew(c) {
				p.found.against = append(p.found.against, Detail{Code: "TOKEN_LOW_ENTROPY", Articles: []string{"NJ24-14"},
					ZH:     "列 " + d.Name + "." + g.Name + " 的取值过于集中,令牌不足以脱敏",
					EN:     "the values of " + d.Name + "." + g.Name + " are too few for a token to hide them",
					HintZH: "请专区监管部门改用概化或遮盖", HintEN: "have it granted generalized or redacted instead"})
			}
		}
	}
	return nil
}

// spreads returns what tells how the values of a column of a table are spread, and
// over how many rows. A column without a load profile has one value.
func (p *parsed) spreads(table string) func(column string) (zone.ColumnStats, int64, error) {
	d := p.catalog.datasets[table]
	if p.catalog.byConsent(table) {
		rows := zone.Projection{Zone: d.Spec.Zone, Dataset: d.Name, Version: d.Data.Version, Manifest: d.Data.Manifest,
			Consented: p.consented.set, Scope: conditions(p.catalog.grants[table].Spec)}
		return func(column string) (zone.ColumnStats, int64, error) {
			return p.engine.store.Spread(p.ctx, rows, column)
		}
	}
	profile := sync.OnceValues(func() (zone.Stats, error) { return p.profile(d.Spec.Zone, d.Name, *d.Data) })
	return func(column string) (zone.ColumnStats, int64, error) {
		stats, err := profile()
		if c, ok := stats.Column(column); ok || err != nil {
			return c, stats.Rows, err
		}
		return zone.ColumnStats{Top: 1}, 1, nil
	}
}

// reparse prints the rewrite, has the engine parse the print, and compares: an
// error of our printer or a parser of two minds ends here. The hash of that
// tree is what the run worker must find again.
func (a *analyzed) reparse() (*approved, error) {
	var early func() *word
	if a.request.explain && !a.Plain {
		// The decision of an explain binds nothing: it need not wait for the tree.
		early = a.engine.asking(a, sha256.Sum256([]byte(a.SQL)))
	}
	hash, err := a.reread()
	if err != nil {
		if early != nil {
			early()
		}
		return nil, err
	}
	return &approved{a, hash, early}, nil
}

func (a *analyzed) reread() (hash [32]byte, err error) {
	text, err := a.session.Parse(a.ctx, a.SQL)
	if errors.Is(err, sandbox.ErrTime) || errors.Is(err, sandbox.ErrMemory) {
		return hash, a.statementError("SYNTAX", err) // it is larger than what it was written as
	}
	if err != nil {
		return hash, a.stopped(fmt.Errorf("query: parse own print: %w", err))
	}
	again, err := ast.Decode(text)
	if err != nil {
		return hash, asError(fmt.Errorf("query: decode own print: %w", err)).of(a.id)
	}
	if !ast.Equal(a.Tree, again) {
		return hash, fail("INTERNAL", errors.New("query: the print reads back as another tree")).of(a.id)
	}
	if hash, err = ast.HashJSON(text); err != nil {
		return hash, asError(err).of(a.id)
	}
	return hash, nil
}

// word is what policy says of a statement.
type word struct {
	input    policy.Input
	decision policy.Decision
	err      error // there is no decision
}

// asking asks policy while the worker reads and binds, which takes as long. What
// it returns waits for policy's word, and is called before the run goes on.
func (e *Engine) asking(a *analyzed, tree [32]byte) func() *word {
	var w *word
	var asked sync.WaitGroup
	asked.Go(func() { w = e.ask(a, tree) })
	return func() *word {
		asked.Wait()
		return w
	}
}

// ask asks policy once, with everything known about the statement.
func (e *Engine) ask(a *analyzed, tree [32]byte) *word {
	q := queryFacts(a.request, a.Statement, tree)
	in := e.policyFacts(policy.ActionQuery, about(a.facts, q.Datasets()))
	in.Query = q
	in.Masking = a.catalog.maskingFacts(a.Statement, a.keysFor(a.Statement))
	in.Consent = e.consentFacts(a)
	in.Runtime = runtimeFacts(a.session.Attestation())
	in.Template = a.templateFacts()
	var err error
	if in.History, err = e.history(a.ctx, a.request.Subject.user, a.facts.Operator.Name); err != nil {
		return &word{err: err}
	}
	if !a.request.explain { // nobody approves what leaves no run
		if in.Approvals, err = e.approvals(a.ctx, a.id, stageQuery); err != nil {
			return &word{err: err}
		}
	}
	in.Now = e.cfg.Now()
	d, err := e.policy().Decide(a.ctx, in)
	if err != nil {
		e.log.ErrorContext(a.ctx, "policy failed", "query_id", a.id, "decision_id", d.ID, "cause", err)
	}
	return &word{in, d, err}
}

// decide puts policy's word on a statement that the engine accepts. What was
// found against it on the way refuses it, whatever that word is.
func (e *Engine) decide(b *bound) (*decided, error) {
	w := b.said
	if w.err != nil {
		return nil, b.stopped(w.err) // no decision: it runs nothing, and voids no approval
	}
	if _, refused := b.form(); refused != nil {
		b.found.against = append(b.found.against, refused.Details...)
	}
	if len(b.found.against) > 0 {
		all := b.found.against
		if w.decision.Verdict == policy.Deny {
			all = more(all, details(w.decision.Reasons))
		}
		return nil, denied(all).of(b.id)
	}
	b.ruled = &ruled{w.input, w.decision}
	return &decided{b, w.input, w.decision}, nil
}
