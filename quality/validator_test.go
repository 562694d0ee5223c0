package quality_test

import (
	"testing"

	"zonebox/quality"
)

// reasons judges one text by a validator and returns why it is invalid, "" if it
// is valid.
func reasons(t *testing.T, validator, text string) string {
	t.Helper()
	plan := compile(t, columns("string"), nil, head+"  properties:\n  - {name: s, quality: [{id: r, metric: invalidValues, arguments: {validator: "+validator+"}, mustBe: 0}]}\n")
	s := &store{own: batches(t, []string{"string"}, [][]any{{text}})}
	o := outcome(t, s.check(t, plan, quality.Options{Now: today}), "r")
	for why := range o.Reasons {
		return why
	}
	return ""
}

// TestValidators: the examples that standards and authorities publish, and each
// with one thing changed.
func TestValidators(t *testing.T) {
	for _, tt := range []struct{ validator, text, why string }{
		{"resident_id", "11010519491231002X", ""}, // GB 11643-1999, annex A
		{"resident_id", "440524188001010014", ""}, // GB 11643-1999, annex A
		{"resident_id", "11010519491231002x", ""},
		{"resident_id", "110105194912310021", "check"},
		{"resident_id", "11010519491331002X", "calendar"},
		{"resident_id", "11010519490229002X", "calendar"},
		{"resident_id", "11010519491231002", "form"},
		{"resident_id", "110105491231002", "form"}, // 15 digits are of before 2013
		{"resident_id", "1101051949123100AX", "form"},
		{"resident_id", "11010519491231002Y", "form"},
		{"resident_id", "", "form"},
		{"resident_id", "110105202611230031", "future"},
		{"resident_id", "990105194912310023", "region"},
		{"credit_code", "91350100M000100Y43", ""}, // GB 32100-2015, annex A
		{"credit_code", "91350100M000100Y44", "check"},
		{"credit_code", "91350100M000100I43", "form"},
		{"credit_code", "00350100M000100Y43", "form"},
		{"credit_code", "", "form"},
		{"organization_code", "D2143569-X", ""}, // GB 11714-1997
		{"organization_code", "D2143569X", ""},
		{"organization_code", "D21435690", "check"},
		{"organization_code", "D2143569-X-", "form"},
		{"mobile", "13800138000", ""}, {"mobile", "+8613800138000", ""}, {"mobile", "008613800138000", ""}, {"mobile", "8613800138000", ""},
		{"mobile", "12800138000", "form"}, {"mobile", "1380013800", "form"}, {"mobile", "138001380000", "form"}, {"mobile", "", "form"},
		{"landline", "010-12345678", "form"}, {"landline", "010-62345678", ""}, {"landline", "02562345678", ""}, {"landline", "62345678", "form"},
		{"bank_card", "4111111111111111", ""}, {"bank_card", "4111111111111112", "check"}, {"bank_card", "411111111111111a", "form"}, {"bank_card", "4111", "form"},
		{"region_code", "320102", ""}, {"region_code", "320103", ""}, // 白下区, to 2013
		{"region_code", "999999", "region"}, {"region_code", "32010", "form"}, {"region_code", "32010a", "form"},
		{"region_code_in_force", "320102", ""}, {"region_code_in_force", "320103", "obsolete"}, {"region_code_in_force", "999999", "region"},
		{"date", "20261122", ""}, {"date", "2026-11-22", ""}, {"date", "2026326", ""}, {"date", "2026-326", ""}, {"date", "2026W477", ""}, {"date", "2026-W47-7", ""},
		{"date", "2024-366", ""}, {"date", "2026-366", "calendar"}, {"date", "2026-02-29", "calendar"}, {"date", "2024-02-29", ""}, {"date", "2026-13-01", "calendar"},
		{"date", "2026-W53-7", ""}, {"date", "2025-W53-1", "calendar"}, {"date", "2026-W47-8", "calendar"}, {"date", "2026/11/22", "form"}, {"date", "2026-1122", "form"},
		{"date", "2026-11", "form"}, {"date", "22.11.2026", "form"}, {"date", "二〇二六年", "form"}, {"date", "", "form"},
		{"datetime", "2026-11-22T18:19:00", ""}, {"datetime", "2026-11-22T18:19", ""}, {"datetime", "2026-11-22T18:19:00.125Z", ""}, {"datetime", "2026-11-22T18:19:00+08:00", ""},
		{"datetime", "20261122T181900+0800", ""}, {"datetime", "20261122T181900Z", ""}, {"datetime", "20261122T1819", ""}, {"datetime", "2026-11-22T24:00:00", ""},
		{"datetime", "2026-11-22T24:00:01", "calendar"}, {"datetime", "2026-11-22T18:60:00", "calendar"}, {"datetime", "2026-11-22 18:19:00", "form"}, {"datetime", "20261122T18:19:00", "form"},
		{"datetime", "2026-11-22T181900", "form"}, {"datetime", "2026-11-22T18:19:00+8", "form"}, {"datetime", "2026-11-22T18:19:00.", "form"}, {"datetime", "2026-11-22", "form"},
		{"datetime", "2026-02-30T00:00:00", "calendar"}, {"datetime", "2026-11-22T", "form"}, {"datetime", "2026-11-22T18:19:00+08:00x", "form"},
	} {
		if got := reasons(t, tt.validator, tt.text); got != tt.why {
			t.Errorf("%s of %q: %q, want %q", tt.validator, tt.text, got, tt.why)
		}
	}
}

func TestEveryValidatorIsTried(t *testing.T) {
	for _, v := range quality.Validators() {
		if got := reasons(t, v, "不是"); got != "form" {
			t.Errorf("%s takes text of no kind: %q", v, got)
		}
	}
}
