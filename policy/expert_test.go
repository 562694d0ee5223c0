package policy_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"zonebox/policy"
)

// under returns an evaluator with expert rules, by name of the module.
func under(t testing.TB, rules map[string]string) *policy.Evaluator {
	t.Helper()
	files := fstest.MapFS{}
	for name, text := range rules {
		files["expert/"+name+".rego"] = &fstest.MapFile{Data: []byte("package zonebox.expert." + name + "\n\n" + text + "\n")}
	}
	raw, err := policy.Build(files, 1)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = policy.Sign(raw, "zhao.city", cityKey); err != nil {
		t.Fatal(err)
	}
	b, err := policy.Read(raw, signers())
	if err != nil {
		t.Fatal(err)
	}
	return newEvaluator(t, policy.Config{Bundle: b, Packs: packs(t)})
}

const because = `"code": "EXPERT_SAID", "article": "YC22-38", "about": "x", "zh": "专家规则", "en": "an expert rule"`

func TestExpertRulesTighten(t *testing.T) {
	s := loadSuite(t)
	tests := []struct {
		rule    string
		base    string
		text    string
		verdict policy.Verdict
		code    string
		waiting []string
		check   func(policy.Obligations) bool
	}{
		{"a denial", "query", `deny contains {` + because + `}`, policy.Deny, "EXPERT_SAID", nil, nil},
		{"a denial that does not apply", "query", `deny contains {` + because + `} if input.query.kind == "x"`, policy.Allow, "", []string{}, nil},
		{"a larger group", "query", `limit := {"min_group": 20}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.MinGroup == 20 }},
		{"a smaller group is none", "query", `limit := {"min_group": 2}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.MinGroup == 10 }},
		{"fewer rows", "query", `limit := {"row_cap": 7}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.RowCap == 7 }},
		{"no rows is one, and no bound never", "query", `limit := {"row_cap": 0}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.RowCap == 1 }},
		{"more rows are none", "query", `limit := {"row_cap": 10000000}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.RowCap == 100000 }},
		{"a shorter time", "query", `limit := {"ttl_seconds": 60}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.TTLSeconds == 60 }},
		{"a review before", "query", `demand contains {"review": "query_review", ` + because + `}`, policy.Review, "EXPERT_SAID", []string{"zone_regulator"}, nil},
		{"a review after", "query", `demand contains {"review": "release_review", ` + because + `}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.ReleaseReview && o.SecondPerson }},
		{"a review after, of what is not protected", "public", `demand contains {"review": "release_review", ` + because + `}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.ReleaseReview && !o.SecondPerson }},
		{"a second person after", "query", `demand contains {"review": "second_person", ` + because + `}`, policy.Allow, "", []string{}, func(o policy.Obligations) bool { return o.ReleaseReview && o.SecondPerson }},
		{"a review of what leaves, by two since it was made of protected columns", "release", `demand contains {"review": "release_review", ` + because + `}`, policy.Review, "EXPERT_SAID", []string{"zone_regulator", "provider"}, nil},
		{"two reviews of what leaves", "release", `demand contains {"review": "second_person", ` + because + `}`, policy.Review, "EXPERT_SAID", []string{"zone_regulator", "provider"}, nil},
		{"a group too small to leave", "release", `limit := {"min_group": 100000}`, policy.Deny, "RELEASE_MIN_GROUP", nil, nil},
		{"too many rows to leave", "release", `limit := {"row_cap": 1}`, policy.Deny, "RELEASE_ROW_CAP", nil, nil},
		{"an error", "query", `deny contains {` + because + `} if to_number("x") == 1`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"a conflict", "query", `limit := {"row_cap": x} if some x in [1, 2]`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"no article", "query", `deny contains {"code": "EXPERT_SAID", "zh": "否", "en": "no", "about": ""}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"no Chinese", "query", `deny contains {"code": "EXPERT_SAID", "article": "YC22-38", "zh": "no", "en": "no", "about": ""}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"no English", "query", `deny contains {"code": "EXPERT_SAID", "article": "YC22-38", "zh": "否", "en": " ", "about": ""}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"a code of the library's", "query", `deny contains {"code": "PACK_LAPSED", "article": "YC22-38", "zh": "否", "en": "no", "about": ""}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"a figure below 0", "query", `limit := {"row_cap": -1}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"a figure that is text", "query", `limit := {"row_cap": "7"}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"an unknown figure", "query", `limit := {"rows": 7}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"an unknown review", "query", `demand contains {"review": "mayor", ` + because + `}`, policy.Deny, "POLICY_EXPERT", nil, nil},
		{"a verdict of its own", "query", `verdict := "ALLOW"`, policy.Allow, "", []string{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			e := under(t, map[string]string{"x": tt.text})
			d, err := e.Decide(t.Context(), facts(t, s.Bases[tt.base]))
			if (err != nil) != (tt.code == "POLICY_EXPERT") {
				t.Errorf("error = %v", err)
			}
			if d.Verdict != tt.verdict || tt.code != "" && !strings.Contains(strings.Join(codes(d.Reasons), ","), tt.code) {
				t.Errorf("%v %q, want %v for %q", d.Verdict, codes(d.Reasons), tt.verdict, tt.code)
			}
			if tt.waiting != nil && !slices.Equal(d.Reviewers, tt.waiting) {
				t.Errorf("waiting for %q, want %q", d.Reviewers, tt.waiting)
			}
			if tt.check != nil && !tt.check(d.Obligations) {
				t.Errorf("obligations = %+v", d.Obligations)
			}
			for _, r := range d.Reasons {
				if r.ZH == "" || r.EN == "" || r.Article == "" {
					t.Errorf("reason without texts: %+v", r)
				}
			}
		})
	}
}

// An approval that a demand asks for is asked for once, and answers it.
func TestAnApprovalAnswersADemand(t *testing.T) {
	e := under(t, map[string]string{"x": `demand contains {"review": "query_review", ` + because + `}`})
	in := facts(t)
	d, err := e.Decide(t.Context(), in)
	if err != nil || d.Verdict != policy.Review {
		t.Fatal(d.Verdict, err)
	}
	in.Approvals = []policy.Approval{{Step: "query", Role: "zone_regulator", By: "sun.health", Org: in.Zone.Regulator,
		At: in.Now.Format("2006-01-02T15:04:05Z07:00"), ExpiresAt: in.Now.AddDate(0, 0, 1).Format("2006-01-02T15:04:05Z07:00"), Binding: d.Binding}}
	if d, err = e.Decide(t.Context(), in); err != nil || d.Verdict != policy.Allow {
		t.Errorf("approved: %v %q %v", d.Verdict, codes(d.Reasons), err)
	}
	// The same approval is void under other rules, however lax.
	other := under(t, map[string]string{"x": `help := 1`})
	if d, err = other.Decide(t.Context(), in); err != nil || d.Verdict != policy.Deny || !cites(d.Reasons, "APPROVAL_VOID", "sun.health") {
		t.Errorf("under other rules: %v %q %v", d.Verdict, codes(d.Reasons), err)
	}
}

func TestAnExpertRuleThatTakesTooLongDenies(t *testing.T) {
	rows := strings.TrimSuffix(strings.Repeat("1,", 200), ",")
	e := under(t, map[string]string{"x": "many := [" + rows + "]\n\ndeny contains {" + because + "} if count([1 | some a in many; some b in many; some c in many; some d in many; a + b + c + d == 5]) > 0"})
	d, err := e.Decide(t.Context(), facts(t))
	if d.Verdict != policy.Deny || err == nil {
		t.Errorf("%v %q %v, want a denial", d.Verdict, codes(d.Reasons), err)
	}
}

var strictness = map[policy.Verdict]int{policy.Allow: 0, policy.Review: 1, policy.Deny: 2}

// looser tells in what a decision with expert rules is laxer than the one without.
func looser(without, with policy.Decision) string {
	if strictness[with.Verdict] < strictness[without.Verdict] {
		return fmt.Sprintf("verdict %s after %s", with.Verdict, without.Verdict)
	}
	if with.Verdict == policy.Deny {
		if without.Verdict == policy.Deny {
			for _, r := range without.Reasons {
				if !slices.Contains(with.Reasons, r) && !slices.ContainsFunc(with.Reasons, func(r policy.Reason) bool { return r.Code == "POLICY_EXPERT" }) {
					return "reason " + r.Code + " is gone"
				}
			}
		}
		return ""
	}
	a, b := without.Obligations, with.Obligations
	for _, r := range without.Reviewers {
		if !slices.Contains(with.Reviewers, r) {
			return "reviewer " + r + " is gone"
		}
	}
	switch {
	case b.MinGroup < a.MinGroup, b.RowCap > a.RowCap, b.RecordCap > a.RecordCap, b.TTLSeconds > a.TTLSeconds,
		b.RowCap == 0 && a.RowCap != 0, b.RecordCap == 0 && a.RecordCap != 0, b.TTLSeconds == 0 && a.TTLSeconds != 0,
		a.SecondPerson && !b.SecondPerson, a.ReleaseReview && !b.ReleaseReview, a.Label && !b.Label, a.Watermark && !b.Watermark,
		a.ConsentFilter && !b.ConsentFilter, !cmp.Equal(a.Mask, b.Mask), !cmp.Equal(a.ComputeOnly, b.ComputeOnly):
		return "obligations " + cmp.Diff(a, b)
	}
	return ""
}

// randomRules returns a module that says anything it can.
func randomRules(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	condition := func() string {
		return pick("", "", ` if input.query.protected`, ` if input.query.record_level`, ` if input.action == "release"`, ` if input.action != "release"`,
			` if count(input.query.tables) > 1`, ` if some a in input.approvals`, ` if not input.approvals`, ` if input.license.end > "2027"`, ` if input.subject.org == "x"`)
	}
	code := func() string {
		return fmt.Sprintf(`"code": "EXPERT_%s", "article": %s, "about": %s, "zh": "规则 %d", "en": "rule"`,
			pick("A1", "BB", "LONG_ONE"), pick(`"YC22-38"`, `"YC22-38"`, `"YC22-38"`, `""`), pick(`"x"`, `input.zone.id`, `input.binding`), r.IntN(9))
	}
	figure := func() string {
		return pick("0", "1", "2", "5", "9", "10", "11", "100", "1000", "99999", "100001", "1000000000", "1099511627776", "-1", `"1"`, "null", "1.5", "true", "1e400", "input.license.term")
	}
	var out []string
	for range r.IntN(3) {
		out = append(out, "deny contains {"+code()+"}"+condition())
	}
	for range r.IntN(3) {
		out = append(out, `demand contains {"review": "`+pick("query_review", "release_review", "second_person")+`", `+code()+`}`+condition())
	}
	if r.IntN(4) > 0 {
		var set []string
		for _, name := range []string{"min_group", "row_cap", "record_cap", "ttl_seconds"} {
			if r.IntN(2) == 0 {
				set = append(set, fmt.Sprintf("%q: %s", name, figure()))
			}
		}
		out = append(out, "limit := {"+strings.Join(set, ", ")+"}"+condition())
	}
	for _, name := range []string{"verdict", "decision", "allow", "obligations", "reviewers", "binding", "warnings"} {
		if r.IntN(8) == 0 {
			out = append(out, name+" := "+pick(`"ALLOW"`, "{}", "[]", "true", `{"min_group": 0}`))
		}
	}
	return strings.Join(append(out, "help := 1"), "\n\n")
}

// Whatever expert rules say, no decision is laxer than without them.
func TestExpertRulesNeverLoosen(t *testing.T) {
	s := loadSuite(t)
	var inputs []policy.Input
	for _, c := range s.Denials {
		inputs = append(inputs, facts(t, s.Bases[c.Base], c.Deny), facts(t, s.Bases[c.Base], c.Twin))
	}
	for _, c := range s.Verdicts {
		inputs = append(inputs, facts(t, s.Bases[c.Base], c.Patch))
	}
	modules, each := 8, 40
	if os.Getenv("ZONEBOX_CAMPAIGN") != "" {
		modules, each = 300, len(inputs)
	}
	seed := rand.Uint64()
	t.Logf("seed %d, %d inputs", seed, len(inputs))
	r := rand.New(rand.NewPCG(seed, 2))
	plain := newEvaluator(t, policy.Config{Packs: packs(t)})
	compared, stricter := 0, 0
	for range modules {
		rules := map[string]string{"x": randomRules(r), "y": randomRules(r)}
		e := under(t, rules)
		for _, at := range r.Perm(len(inputs))[:each] {
			without := decideAs(t, plain, inputs[at])
			with := decideAs(t, e, inputs[at])
			if what := looser(without, with); what != "" {
				t.Fatalf("input %d: %s under\n%s\n%s", at, what, rules["x"], rules["y"])
			}
			compared++
			if with.Verdict != without.Verdict || !cmp.Equal(with.Obligations, without.Obligations) {
				stricter++
			}
		}
	}
	t.Logf("%d decisions compared, %d stricter", compared, stricter)
	if stricter == 0 {
		t.Error("no rule tightened anything: the test shows nothing")
	}
}

// decideAs is decide without its failure: rules that say nonsense are an error and
// a denial.
func decideAs(t testing.TB, e *policy.Evaluator, in policy.Input) policy.Decision {
	t.Helper()
	in.Approvals = slices.Clone(in.Approvals)
	d, _ := e.Decide(t.Context(), in)
	for i, a := range in.Approvals {
		if a.Binding == "BINDING" {
			in.Approvals[i].Binding = d.Binding
		}
	}
	if len(in.Approvals) > 0 && d.Binding != "" {
		d, _ = e.Decide(t.Context(), in)
	}
	return d
}
