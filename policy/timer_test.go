package policy_test

import (
	"testing"

	"zonebox/policy"
	"zonebox/policy/calendar"
)

// TestTheSameRequestIsDueAsItsCitySays: only the pack differs.
func TestTheSameRequestIsDueAsItsCitySays(t *testing.T) {
	table, err := calendar.Announced()
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator(t, policy.Config{})
	for _, c := range []struct {
		pack, timer string
		from, due   calendar.Day
	}{
		// One conditional request, received on 2026-02-11.
		{"jiangmen-2019-draft", "share.conditional.reply", "2026-02-11", "2026-02-25"},
		{"shenyang-2020", "share.conditional.reply", "2026-02-11", "2026-02-25"},
		{"yancheng-2022", "share.conditional.reply", "2026-02-11", "2026-02-25"},
		{"nanjing-2019", "share.conditional.reply", "2026-02-11", "2026-03-10"},
		{"nanjing-2024", "share.conditional.assess", "2026-02-11", "2026-02-25"},
		{"nanjing-2024", "share.conditional.reply", "2026-02-25", "2026-03-03"},
		// One objection, received on 2026-02-13 and by the department on 02-24.
		{"nanjing-2019", "objection.mark", "2026-02-13", "2026-02-14"},
		{"nanjing-2019", "objection.transfer", "2026-02-13", "2026-02-24"},
		{"nanjing-2019", "objection.decide", "2026-02-13", "2026-02-27"},
		{"nanjing-2019", "objection.department", "2026-02-24", "2026-03-02"},
		// A change of law on 2026-09-18.
		{"nanjing-2019", "catalogue.update", "2026-09-18", "2026-10-15"},
		{"jiangmen-2019-draft", "catalogue.update", "2026-09-18", "2026-10-15"},
		{"yancheng-2022", "catalogue.update", "2026-09-18", "2026-10-15"},
		// A request for conditional opening.
		{"nanjing-2019", "open.conditional.reply", "2026-09-18", "2026-10-15"},
		{"shenyang-2020", "open.conditional.reply", "2026-09-18", "2026-10-15"},
		{"yancheng-2022", "open.conditional.reply", "2026-09-18", "2026-10-09"},
		// Errors, tasks, reports and demand for what is not catalogued.
		{"jiangmen-2019-draft", "quality.reply", "2026-02-11", "2026-02-14"},
		{"jiangmen-2019-draft", "quality.correct", "2026-02-11", "2026-02-13"},
		{"yancheng-2022", "quality.correct", "2026-04-30", "2026-05-11"},
		{"yancheng-2022", "quality.rectification", "2026-09-18", "2026-10-09"},
		{"nanjing-2024", "quality.rectification", "2026-09-18", "2026-10-09"},
		{"yancheng-2022", "report_of_violation", "2026-09-18", "2026-10-09"},
		{"yancheng-2022", "share.uncatalogued.reply", "2026-09-18", "2026-09-29"},
		{"yancheng-2022", "share.uncatalogued.deliver", "2026-09-29", "2026-10-14"},
	} {
		due, err := pack(t, e, c.pack).Due(c.timer, c.from, table)
		if err != nil || due.Day != c.due || due.Provisional() {
			t.Errorf("%s %s from %s = %+v, %v, want %s", c.pack, c.timer, c.from, due, err, c.due)
		}
	}
}

func TestATimerThePackDoesNotHaveIsAnError(t *testing.T) {
	table, err := calendar.Announced()
	if err != nil {
		t.Fatal(err)
	}
	p := pack(t, newEvaluator(t, policy.Config{}), "shenyang-2020")
	for _, key := range []string{"quality.correct", "catalogue.update", "objection.mark", ""} {
		if due, err := p.Due(key, "2026-02-11", table); err == nil {
			t.Errorf("Due(%q) = %+v, want an error", key, due)
		}
	}
	if due, err := p.Due("share.conditional.reply", "2026-12-28", table); err != nil || !due.Provisional() {
		t.Errorf("due in a year without a table = %+v, %v, want provisional", due, err)
	}
}
