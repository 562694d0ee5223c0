package query

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/query/ast"
)

// found is what judging has found of a run so far, so that a refusal tells every
// reason and not only the one that ended it.
type found struct {
	runtime *policy.Runtime // of the worker that reads the statement; nil before there is one
	tree    ast.Query       // of the statement as written; nil before it was read
	query   *policy.Query   // what is known of the statement; nil before it was judged
	against []Detail        // refuse it, but do not end the judging

	objected bool // policy refuses it whatever it says
}

// everyReason returns cause with every other reason there is against the run:
// those found on the way, and what policy holds against it whatever the part of
// the statement that nobody could judge says. Only a refusal gets reasons; it
// stays one, whatever policy answers.
func (e *Engine) everyReason(r *run, cause error) error {
	why := asError(cause)
	if why.Class != ClassDenied && why.Class != ClassUsage || r.found.runtime == nil {
		return cause
	}
	all := *why
	if len(all.Details) == 0 {
		all.Details = []Detail{{Code: why.Code, ZH: why.ZH, EN: why.EN, HintZH: why.HintZH, HintEN: why.HintEN, Articles: why.Articles, Span: why.Span}}
	}
	all.Details = more(all.Details, r.found.against)
	objections, err := e.objections(r)
	if err != nil {
		e.log.ErrorContext(r.ctx, "policy failed", "query_id", r.id, "cause", err)
	}
	r.found.objected = err != nil || len(objections) > 0
	all.Details = more(all.Details, details(objections))
	all.Articles = nil
	for _, d := range all.Details {
		for _, a := range d.Articles {
			if !slices.Contains(all.Articles, a) {
				all.Articles = append(all.Articles, a)
			}
		}
	}
	return &all
}

// more appends the reasons that are not there yet. It changes neither list.
func more(all, others []Detail) []Detail {
	all = all[:len(all):len(all)]
	for _, d := range others {
		if !slices.ContainsFunc(all, func(o Detail) bool { return o.Code == d.Code && o.EN == d.EN }) {
			all = append(all, d)
		}
	}
	return all
}

// objections asks policy about a statement of which a part is known.
func (e *Engine) objections(r *run) ([]policy.Reason, error) {
	q := r.found.query
	if q == nil {
		q = knownFacts(r.request, analysis.Facts{}, false)
	}
	in := e.policyFacts(policy.ActionQuery, about(r.facts, q.Datasets()))
	in.Query, in.Runtime = q, r.found.runtime
	_, keyErr := e.tokenKeys(r.facts.Zone)
	in.Masking = &policy.Masking{Recipes: []policy.Recipe{}, KeysAvailable: keyErr == nil, Suite: suite}
	var err error
	if in.History, err = e.history(r.ctx, r.request.Subject.user, r.facts.Operator.Name); err != nil {
		return nil, err
	}
	return e.policy().Objections(r.ctx, in)
}

// knownFacts returns what is known of a statement that was refused before all
// of it was. It has no tree that anybody approved.
func knownFacts(req Request, f analysis.Facts, protected bool) *policy.Query {
	sql, none, no := sha256.Sum256([]byte(req.SQL)), sha256.Sum256(nil), false
	return &policy.Query{
		SQLSHA256: hex.EncodeToString(sql[:]), TreeSHA256: hex.EncodeToString(none[:]), ParamsSHA256: req.parametersDigest(),
		Statements: 1, Kind: "SELECT",
		Tables: list(f.Tables), ColumnsRead: list(f.ColumnsRead), FilterCols: list(f.FilterCols),
		JoinCols: list(f.JoinCols), GroupCols: list(f.GroupCols), Functions: list(f.Functions),
		ExternalRefs: []string{}, Star: f.Star, Outputs: []policy.QueryOutput{},
		Protected: &protected, RecordLevel: &no,
		ScenarioID: req.Scenario, PurposeCode: req.Purpose, Recipient: req.Recipient,
	}
}
