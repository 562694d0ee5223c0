package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/workflow"
)

// Coarsening is how an output is made coarser: by larger groups, by counts and sums that
// leave as multiples of a base, by categories of a group key that become one, in their
// order, or by several of these.
type Coarsening struct {
	K      int     `json:"k,omitempty"`     // least entities of a group; 0 leaves it as it is
	Round  int64   `json:"round,omitempty"` // 0 leaves figures as they are
	Merges []Merge `json:"merges,omitempty"`
}

// Merge makes categories of an output column one. Its requester sees the column alone.
type Merge struct {
	Column     string   `json:"column"` // as of an Identifier
	Categories []string `json:"categories,omitempty"`
	Into       string   `json:"into,omitempty"`
}

// CoarsenOrder is a reviewer's word that an output is to be made coarser.
type CoarsenOrder struct {
	Coarsening
	Basis string `json:"basis"`
}

// Coarsened tells how an output came of another: of which run, by whom, and all that was
// done to it and to those before it.
type Coarsened struct {
	From string `json:"from"`
	By   string `json:"by"`
	Coarsening
}

// coarsening is a run that a reviewer has made in place of another.
type coarsening struct {
	by    Subject
	old   workflow.Instance
	was   record
	done  Coarsened
	basis string
}

const (
	maxCategories = 256 // of an order
	maxCategory   = 200 // bytes
	maxBase       = 1_000_000
)

func (o CoarsenOrder) check() error {
	n := 0
	for _, m := range o.Merges {
		n += len(m.Categories)
		if m.Column == "" || len(m.Categories) == 0 || slices.ContainsFunc(append(slices.Clone(m.Categories), m.Into), func(c string) bool {
			return c == "" || len(c) > maxCategory || !utf8.ValidString(c)
		}) {
			return BadRequest("合并须写为 列=类别,类别:新类别,各不超过 200 字节", "a merge is COLUMN=CATEGORY,CATEGORY:NEW, each of at most 200 bytes")
		}
	}
	switch {
	case o.K < 0 || o.K == 0 && o.Round == 0 && n == 0:
		return BadRequest("须提高最小分组、取整或合并类别", "raise the minimum group, round or merge categories")
	case o.Round != 0 && (o.Round < 2 || o.Round > maxBase):
		return BadRequest("取整的基数须在 2 至 1000000 之间", "the base of rounding is from 2 to 1000000")
	case n > maxCategories:
		return BadRequest("一次合并的类别过多", "too many categories are merged at once")
	case strings.TrimSpace(o.Basis) == "" || len(o.Basis) > 2000:
		return BadRequest("须说明依据(--basis,不超过 2000 字节)", "say on what basis (--basis, at most 2000 bytes)")
	}
	return nil
}

// Coarsen has the statement of an output that waits run again on the same data, with
// larger groups or fewer categories, and puts what comes of it in the output's place. It
// is for whoever may reject the output now, and the basis is kept as that of a rejection.
//
// Nothing is taken from the output: a new run of the same requester goes the way of any
// other, by the rules on totals, the ledgers, the scans and policy, as if the one that it
// replaces had never been. All reviewers decide on it anew. Until it waits for them the
// old output stays as it is, and so it does if Coarsen returns an error; from then on it
// is COARSENED, its key destroyed.
func (e *Engine) Coarsen(ctx context.Context, s Subject, id string, order CoarsenOrder) (_ *ReviewItem, err error) {
	if err := order.check(); err != nil {
		return nil, err
	}
	c, question, err := e.coarsenable(ctx, s, id, order)
	if err != nil {
		return nil, asError(err).of(id)
	}
	run, err := e.enter(ctx, question)
	if err != nil {
		return nil, notAsked(err).of(id)
	}
	defer run.leave()
	defer func() { err = e.ended(run, err) }()
	run.coarsens = c
	intent, err := e.decideCoarser(run, order)
	if err != nil {
		return nil, asError(err).of(id)
	}
	output, err := e.runIntent(intent)
	if err != nil {
		return nil, asError(err).of(id)
	}
	if err := e.still(ctx, s); err != nil {
		return nil, asError(e.unsettled(output, err)).of(id)
	}
	if _, err = e.decideRelease(output); err == nil {
		err = notCoarser(nil, "现行规则不再要求审核", "the rules of now ask for no review")
	}
	if asError(err).Code != "OUTPUT_IN_REVIEW" {
		if errors.Is(err, errUnlogged) { // the old one may be given up already
			err = errors.Join(err, e.endCoarsened(context.WithoutCancel(ctx), id))
		}
		return nil, asError(e.unsettled(output, err)).of(id)
	}
	if err := e.destroyHold(ctx, id); err != nil {
		return nil, asError(err).of(id)
	}
	in, err := e.instance(ctx, workflow.OutputRelease, run.id)
	if err != nil {
		return nil, asError(err)
	}
	item, err := e.reviewItem(ctx, stageOutput, in)
	if err != nil {
		return nil, asError(err)
	}
	return &item, nil
}

// still refuses for a person who is not anymore who they were when they began.
func (e *Engine) still(ctx context.Context, s Subject) error {
	p, err := e.registry.Person(ctx, s.user)
	if err != nil || p.Organization != s.organization || !slices.Equal(slices.Sorted(slices.Values(p.Roles)), slices.Sorted(slices.Values(s.roles))) {
		return fail("AUTH_FAILED", err)
	}
	return nil
}

// endCoarsened destroys the key of an output if another is in its place.
func (e *Engine) endCoarsened(ctx context.Context, id string) error {
	in, err := e.instance(ctx, workflow.OutputRelease, id)
	if err != nil || in.State != workflow.Coarsened {
		return err
	}
	return e.destroyHold(ctx, id)
}

// coarsenable returns what is to be done to an output, and the question it answers.
func (e *Engine) coarsenable(ctx context.Context, s Subject, id string, order CoarsenOrder) (*coarsening, Request, error) {
	var q stored
	in, err := e.instance(ctx, workflow.OutputRelease, id)
	if errors.Is(err, workflow.ErrNotFound) || err == nil && !s.party(in, registry.RoleZoneRegulator) && !s.party(in, registry.RoleProvider) {
		return nil, Request{}, fail("NOT_FOUND", err)
	}
	if err == nil {
		err = in.May(workflow.OutputRelease, "coarsen", s.actor())
	}
	if err != nil {
		return nil, Request{}, courseError(err)
	}
	if e.ranOut(in) {
		return nil, Request{}, fail("APPROVAL_EXPIRED", nil)
	}
	old, err := e.registry.LoadRun(ctx, id)
	if err != nil {
		return nil, Request{}, err
	}
	was, err := e.recordOf(ctx, id)
	if err != nil {
		return nil, Request{}, err
	}
	if err := json.Unmarshal(old.Request, &q); err != nil {
		return nil, Request{}, fmt.Errorf("query: stored run %s: %w", id, err)
	}
	p, err := e.registry.Person(ctx, in.Requester)
	if err != nil {
		return nil, Request{}, notAsked(err)
	}
	c := &coarsening{by: s, old: in, was: was, done: Coarsened{From: id, By: s.user, Coarsening: order.Coarsening}, basis: order.Basis}
	if before := was.Coarsened; before != nil {
		c.done.K, c.done.Round = max(order.K, before.K), max(order.Round, before.Round)
		c.done.Merges = slices.Concat(before.Merges, order.Merges)
	}
	question := Request{Subject: Subject{user: in.Requester, organization: p.Organization, roles: p.Roles, permissions: p.Permissions},
		Scenario: q.Scenario, Purpose: q.Purpose, SQL: q.SQL, Template: q.Template, Parameters: q.Parameters, Recipient: q.Recipient, Form: q.Form}
	if q.Template != "" {
		question.SQL = ""
	}
	return c, question, nil
}

func (s Subject) actor() workflow.Actor {
	return workflow.Actor{User: s.user, Org: s.organization, Roles: s.roles}
}

// decideCoarser decides on the run anew. It may run only if policy, documents and data
// are those of the output that it replaces.
func (e *Engine) decideCoarser(r *run, order CoarsenOrder) (*intent, error) {
	if least := max(r.pack.MinGroup, r.coarsens.was.Decision.Obligations.MinGroup, r.coarsens.was.least()); order.K > 0 && order.K <= least {
		k := strconv.Itoa(least)
		return nil, BadRequest("最小分组已为 "+k, "the minimum group is "+k+" already")
	}
	if before := r.coarsens.was.Coarsened; before != nil && order.Round > 0 && order.Round <= before.Round {
		return nil, BadRequest("已按更大或相同的基数取整", "figures are rounded to as much already")
	}
	d, err := e.judge(r)
	if err != nil {
		return nil, notAsked(err)
	}
	if d.decision.Verdict != policy.Allow {
		out := notCoarser(nil, "语句本身须先经审批", "the statement itself has to be approved first")
		out.Details = details(d.decision.Reasons)
		return nil, out
	}
	as := d.input
	as.Query = r.coarsens.was.Query // its rewrite is another, and nothing else
	if e.policy().Binding(as) != r.coarsens.was.Decision.Binding {
		return nil, notCoarser(nil, "提问之后,政策、目录、授权、协议或数据版本有变化", "policy, catalogue, grants, license or data have changed since it was asked")
	}
	return e.intend(d)
}

// least is the minimum group that earlier coarsenings set, 0 if none did.
func (rec record) least() int {
	if rec.Coarsened == nil {
		return 0
	}
	return rec.Coarsened.K
}

// notCoarser is the refusal to make an output coarser.
func notCoarser(cause error, zh, en string) *Error {
	return fail("COARSEN_REFUSED", cause).because(zh, en)
}

// notAsked is that of a question that cannot be asked any more. What is wrong with the
// order, or with the host, is told as it is.
func notAsked(err error) *Error {
	why := asError(err)
	if why.Code == "COARSEN_REFUSED" || why.Class == ClassUsage && why.Code == "BAD_REQUEST" || why.Class == ClassFailure || why.Class == ClassBusy {
		return why
	}
	out := notCoarser(err, "此问题现在不获允许", "the question would not be allowed now")
	out.Details = why.Details
	if len(out.Details) == 0 {
		out.Details = []Detail{{Code: why.Code, ZH: why.ZH, EN: why.EN, HintZH: why.HintZH, HintEN: why.HintEN, Articles: why.Articles}}
	}
	return out
}

// replaced is the run in whose place this one is, "" if it is in nobody's.
func (r *run) replaced() string {
	if r.coarsens == nil {
		return ""
	}
	return r.coarsens.old.ID
}

// coarser is the statement with categories made one, itself where the run makes none so.
func (r *run) coarser(s *analysis.Statement) (*analysis.Statement, error) {
	if r.coarsens == nil {
		return s, nil
	}
	if r.coarsens.done.Round > 0 {
		if zh, en := unroundable(s); zh != "" {
			return nil, notCoarser(nil, zh, en)
		}
		if err := r.coarserBase(s); err != nil {
			return nil, err
		}
	}
	outputs, into := s.Outputs, map[int]map[string]string{} // by output
	for i, m := range r.coarsens.done.Merges {
		at := -1
		for i, o := range s.Outputs {
			if m.Column == outputName(i, o.Name) {
				at = i
			}
		}
		if at < 0 {
			n := strconv.Itoa(i + 1)
			return nil, notCoarser(nil, "第 "+n+" 项合并所写的列不在结果中", "merge "+n+" names a column that is not in the output")
		}
		if into[at] == nil {
			into[at] = map[string]string{}
		}
		if to, gone := into[at][m.Into]; gone && to != m.Into {
			return nil, BadRequest("新类别不得是已并入他类的类别", "the new category is one that went to another before")
		}
		m.apply(into[at])
	}
	for _, at := range slices.Sorted(maps.Keys(into)) {
		var err error
		if s, err = s.Merged(at, into[at]); err != nil {
			return nil, unmerged(outputName(at, outputs[at].Name), err)
		}
	}
	return s, nil
}

// apply adds the merge to those before it: what went to a category of it goes on with it.
func (m Merge) apply(into map[string]string) {
	for category, to := range into {
		if slices.Contains(m.Categories, to) {
			into[category] = m.Into
		}
	}
	for _, category := range m.Categories {
		if _, gone := into[category]; !gone {
			into[category] = m.Into
		}
	}
}

// unmerged says why categories of a column cannot be made one.
func unmerged(column string, err error) *Error {
	switch {
	case errors.Is(err, analysis.ErrNoGroups):
		return notCoarser(err, "结果不是受保护数据的分组统计,不能合并类别", "the output is not made of groups of protected rows")
	case errors.Is(err, analysis.ErrMergeUsed):
		return notCoarser(err, "列 "+column+" 另用于其他结果列、HAVING 或排序", "column "+column+" is used by another output, by HAVING or by the order besides")
	}
	return notCoarser(err, "列 "+column+" 不是可合并的分组列(须为按原样输出的文本列,令牌除外)", "column "+column+" is no group key that can be merged: a column of texts as it is, and no tokens")
}

// replace ends the course of the output in whose place this one waits. Its reservation
// in the ledgers ends with it.
func (r *run) replace(tx *registry.Tx) error {
	c := r.coarsens
	if c == nil {
		return nil
	}
	m := workflow.OutputRelease
	in, err := workflow.Get(tx.Context(), tx.SQL(), m, c.old.ID)
	if err != nil {
		return courseError(err)
	}
	role := reviewer(in.State)
	word := workflow.Step{Move: "coarsen", User: c.by.user, Org: c.by.organization, Role: role}
	sealed, err := r.engine.registry.Seal("basis", basisID(m, in, word), []byte(c.basis))
	if err != nil {
		return err
	}
	to, err := workflow.Do(tx.Context(), tx.SQL(), m, c.old.ID, word.Move, c.by.actor(), tx.Now(), workflow.Note{Code: r.id, Text: sealed})
	if err != nil {
		return courseError(err)
	}
	if err := tx.SettleLedger(c.old.ID, registry.LedgerVoid); err != nil {
		return err
	}
	return tx.Emit(registry.Event{Kind: "review.coarsened", Actor: c.by.user, Zone: r.facts.Zone.Name, Run: c.old.ID, Fields: map[string]string{
		"stage": stageOutput, "state": string(to), "role": role, "org": c.by.organization, "into": r.id, "how": c.done.how()}})
}

// fieldCoarsens names, in the entries of a run, the one in whose place it is.
const fieldCoarsens = "coarsens"

// how says what was done, without a category: those are cells.
func (c Coarsening) how() string {
	var parts []string
	if c.K > 0 {
		parts = append(parts, "k="+strconv.Itoa(c.K))
	}
	if c.Round > 0 {
		parts = append(parts, "round="+strconv.FormatInt(c.Round, 10))
	}
	for _, column := range c.columns() {
		parts = append(parts, "merge="+column)
	}
	return clip(strings.Join(parts, " "))
}

// columns are those of which categories were made one, each once.
func (c Coarsening) columns() (out []string) {
	for _, m := range c.Merges {
		if column := shownColumn(m.Column); !slices.Contains(out, column) {
			out = append(out, column)
		}
	}
	return out
}

// shownColumn is the name of an output if it is one, "?" of whatever else was written.
func shownColumn(name string) string {
	if ownName.MatchString(name) {
		return name
	}
	if n, ok := strings.CutPrefix(name, "#"); ok {
		if i, err := strconv.Atoi(n); err == nil {
			return "#" + strconv.Itoa(i)
		}
	}
	return "?"
}

// notes tell the recipient what was done.
func (c *Coarsened) notes() (out []string) {
	if c == nil {
		return nil
	}
	if k := strconv.Itoa(c.K); c.K > 0 {
		out = append(out, "经审核,最小分组提高到 "+k+" / on review the minimum group was raised to "+k)
	}
	if base := strconv.FormatInt(c.Round, 10); c.Round > 0 {
		out = append(out, "经审核,计数与合计取整为 "+base+" 的倍数 / on review counts and sums were rounded to multiples of "+base)
	}
	for _, column := range c.columns() {
		out = append(out, "经审核,列 "+column+" 的部分类别已合并 / on review categories of column "+column+" were merged")
	}
	return out
}

// coarsenedTo returns the run in whose favor an output was given up.
func coarsenedTo(in workflow.Instance) string {
	if in.State != workflow.Coarsened {
		return ""
	}
	return in.History[len(in.History)-1].Code
}

// view is what reviewers see of c, or its requester, who sees no category.
func (c *Coarsened) view(requester bool) *Coarsened {
	if c == nil {
		return nil
	}
	out := &Coarsened{From: c.From, By: c.By, Coarsening: Coarsening{K: c.K, Round: c.Round}}
	for _, m := range c.Merges {
		if requester {
			m = Merge{Column: m.Column}
		}
		out.Merges = append(out.Merges, m)
	}
	return out
}
