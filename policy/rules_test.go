package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"zonebox/policy"
)

// Every rule denies its case for its reason, and the twin beside it, which
// differs only in what the rule is about, is not denied.
func TestEachRuleDeniesAndItsTwinPasses(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{Packs: packs(t)}), loadSuite(t)
	for _, c := range s.Denials {
		t.Run(c.Rule+"/"+c.Code+"/"+c.Base, func(t *testing.T) {
			d := decide(t, e, facts(t, s.Bases[c.Base], c.Deny))
			if d.Verdict != policy.Deny || !cites(d.Reasons, c.Code, c.About) {
				t.Errorf("%s = %v %q, want DENY for %s %q", c.Deny, d.Verdict, codes(d.Reasons), c.Code, c.About)
			}
			if !cmp.Equal(d.Obligations, policy.Obligations{}, cmpopts.EquateEmpty()) {
				t.Errorf("a denial carries obligations: %+v", d.Obligations)
			}
			if d := decide(t, e, facts(t, s.Bases[c.Base], c.Twin)); d.Verdict == policy.Deny {
				t.Errorf("twin %s = %v %q, want no denial", c.Twin, d.Verdict, codes(d.Reasons))
			}
		})
	}
}

func TestVerdictsAndReviewers(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{Packs: packs(t)}), loadSuite(t)
	for _, c := range s.Verdicts {
		t.Run(c.Rule+"/"+c.Base, func(t *testing.T) {
			d := decide(t, e, facts(t, s.Bases[c.Base], c.Patch))
			if told := pairs(d.Warnings); c.Warnings != nil && !cmp.Equal(told, c.Warnings) {
				t.Errorf("%s: warnings %q, want %q", c.Patch, told, c.Warnings)
			}
			if d.Verdict != c.Verdict || !cmp.Equal(d.Reviewers, c.Waiting) {
				t.Errorf("%s = %v waiting for %q, want %v waiting for %q; reasons %q",
					c.Patch, d.Verdict, d.Reviewers, c.Verdict, c.Waiting, codes(d.Reasons))
			}
		})
	}
}

// pairs returns code and about of each reason.
func pairs(reasons []policy.Reason) [][2]string {
	all := [][2]string{}
	for _, r := range reasons {
		all = append(all, [2]string{r.Code, r.About})
	}
	return all
}

// The rows of the requirements this package must hold, each by at least one
// denial.
func TestEveryCoreRowHasADenial(t *testing.T) {
	rows := []string{
		"R-NJ24-02a", "R-NJ24-02b", "R-NJ24-05c", "R-NJ24-10b", "R-NJ24-11", "R-NJ24-12a", "R-NJ24-12b", "R-NJ24-13a",
		"R-NJ24-13b", "R-NJ24-14a", "R-NJ24-14b", "R-NJ24-14c", "R-NJ24-15b", "R-NJ24-15c", "R-NJ24-16a", "R-JM19-18a",
		"R-SY20-23", "R-YC22-18a", "R-YC22-20a", "R-YC22-28a", "R-YC22-35a", "R-NJ19-07", "R-NJ19-15", "R-U-01",
	}
	covered := map[string]bool{}
	for _, c := range loadSuite(t).Denials {
		covered[c.Rule] = true
	}
	for _, row := range rows {
		if !covered[row] {
			t.Errorf("no denial for %s", row)
		}
	}
}

func TestObligationsOfAQuery(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{}), loadSuite(t)
	tests := []struct {
		base string
		want policy.Obligations
	}{
		{"query", policy.Obligations{
			Mask:        []policy.Recipe{{Column: "persons.id_number", Recipe: "token"}, {Column: "visits.id_number", Recipe: "token"}},
			ComputeOnly: []string{"persons.income", "visits.diagnosis"},
			MinGroup:    10, RowCap: 100000, Label: true, TTLSeconds: 604800,
			SecondPerson: true, // should anybody look
		}},
		{"records_level_3", policy.Obligations{
			Mask:        []policy.Recipe{{Column: "persons.name", Recipe: "partial(1,0)"}},
			ComputeOnly: []string{},
			MinGroup:    10, RowCap: 100000, RecordCap: 1000, Label: true, TTLSeconds: 604800,
			SecondPerson: true, ReleaseReview: true,
		}},
	}
	for _, tt := range tests {
		d := decide(t, e, facts(t, s.Bases[tt.base]))
		if diff := cmp.Diff(tt.want, d.Obligations); diff != "" {
			t.Errorf("%s: obligations (-want +got):\n%s", tt.base, diff)
		}
	}
}

func TestObligationTheCallerCannotCarryOutIsADenial(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{}), loadSuite(t)
	in := facts(t, s.Bases["records_level_3"])
	for _, name := range []string{
		"mask", "min_group", "row_cap", "record_cap", "label", "second_person", "release_review", "ttl_seconds",
	} {
		in.Capabilities = slices.DeleteFunc(policy.Capabilities(), func(c string) bool { return c == name })
		d := decide(t, e, in)
		if d.Verdict != policy.Deny || !cites(d.Reasons, "OBLIGATION_UNSUPPORTED", name) {
			t.Errorf("without %s = %v %q", name, d.Verdict, codes(d.Reasons))
		}
	}
	in.Capabilities = slices.DeleteFunc(policy.Capabilities(), func(c string) bool { return c == "watermark" })
	if d := decide(t, e, in); d.Verdict != policy.Allow {
		t.Errorf("without an obligation nobody asks for = %v %q", d.Verdict, codes(d.Reasons))
	}
}

func TestRunningLicenseGoesOnUnderALapsedPackWithAWarning(t *testing.T) {
	e := newEvaluator(t, policy.Config{})
	d := decide(t, e, facts(t, []any{
		map[string]any{"op": "replace", "path": "/now", "value": "2026-11-21T09:00:00+08:00"},
		map[string]any{"op": "replace", "path": "/datasets/persons/disputed", "value": true},
		map[string]any{"op": "replace", "path": "/operator/evidence/0/valid_until", "value": "2026-11-20"},
	}))
	want := []policy.Reason{
		{
			Code: "DATASET_DISPUTED", Article: "NJ19-35", About: "persons",
			ZH: "数据集 persons 有异议标注", EN: "dataset persons carries a disputed mark",
		},
		{
			Code: "EVIDENCE_EXPIRED", Article: "NJ24-08", About: "mlps3",
			ZH: "运营单位的证明材料已过期:mlps3", EN: "the operator's evidence has expired: mlps3",
		},
		{
			Code: "PACK_LAPSED", Article: "NJ24-24", About: "nanjing-2024",
			ZH: "政策包 nanjing-2024 的有效期已过,继续运营须有备案依据",
			EN: "policy pack nanjing-2024 has lapsed; going on needs a recorded basis",
		},
	}
	if d.Verdict != policy.Allow || !cmp.Equal(d.Warnings, want) {
		t.Errorf("%v %q, warnings (-want +got):\n%s", d.Verdict, codes(d.Reasons), cmp.Diff(want, d.Warnings))
	}
}

// The figures are the pack's: another pack, another verdict on the same facts.
func TestFiguresComeFromThePack(t *testing.T) {
	s := loadSuite(t)
	tests := []struct {
		base string
		key  string
		old  any
		new  any
		code string
	}{
		{"release", "min_group", 10.0, 11, "RELEASE_MIN_GROUP"},
		{"release", "row_cap", 100000.0, 6, "RELEASE_ROW_CAP"},
		{"release_reviewed", "record_cap", 1000.0, 999, "RELEASE_ROW_CAP"},
		{"query", "level_threshold", 3.0, 2, "LEVEL_CLEAR"},
		{"query", "max_term_years", 5.0, 4, "LICENSE_TERM_TOO_LONG"},
		{"query", "purpose_code_pattern", "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", "^X$", "PURPOSE_FREE_TEXT"},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			all := packs(t)
			var pack map[string]any
			if err := json.Unmarshal(all["nanjing-2024.json"].Data, &pack); err != nil {
				t.Fatal(err)
			}
			if pack[tt.key] != tt.old {
				t.Fatalf("pack has %s = %v, want %v", tt.key, pack[tt.key], tt.old)
			}
			pack[tt.key] = tt.new
			raw, err := json.Marshal(pack)
			if err != nil {
				t.Fatal(err)
			}
			all["nanjing-2024.json"].Data = raw
			d := decide(t, newEvaluator(t, policy.Config{Packs: all}), facts(t, s.Bases[tt.base]))
			if d.Verdict != policy.Deny || !slices.ContainsFunc(d.Reasons, func(r policy.Reason) bool { return r.Code == tt.code }) {
				t.Errorf("%s %v → %v: %v %q, want DENY for %s", tt.key, tt.old, tt.new, d.Verdict, codes(d.Reasons), tt.code)
			}
		})
	}
}

// Probing stops nothing: it is told beside whatever else is decided.
func TestRefusalsWithinAnHourWarnOfProbing(t *testing.T) {
	e, s := newEvaluator(t, policy.Config{}), loadSuite(t)
	for denials, want := range map[int64]bool{0: false, 29: false, 30: true, 400: true} {
		in := facts(t, s.Bases["query"])
		in.History = &policy.History{Denials1h: denials}
		d := decide(t, e, in)
		if d.Verdict != policy.Allow || cites(d.Warnings, "PROBING_SUSPECTED", in.Subject.UserID) != want {
			t.Errorf("%d refusals = %v with warnings %q, want ALLOW and a warning: %v", denials, d.Verdict, codes(d.Warnings), want)
		}
	}
}
