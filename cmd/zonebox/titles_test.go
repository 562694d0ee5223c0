package main

import (
	"strings"
	"testing"

	"zonebox/quality"
	"zonebox/query"
)

func TestEveryUpdateFrequencyHasAName(t *testing.T) {
	a := &app{lang: "zh"}
	for _, word := range quality.Frequencies() {
		if got := a.called(frequencyTitles, word); got == word {
			t.Errorf("%s has no name", word)
		}
	}
	if got := a.called(frequencyTitles, "biennial"); got != "biennial" {
		t.Errorf("a word nobody knows is called %q", got)
	}
}

func TestATrialNamesWhoAnswersForAStage(t *testing.T) {
	trial := &query.LoadTrial{Verdict: query.TrialLoad, Responsible: []query.Responsible{{Stage: "load", Person: "wu.dc"}, {Stage: "transfer", Person: "he.dc"}}}
	for lang, want := range map[string][]string{"zh": {"装载环节责任人", "transfer环节责任人"}, "en": {"answers for load", "answers for transfer"}} {
		var out, errout strings.Builder
		a := &app{lang: lang, stdout: &out, stderr: &errout}
		if err := a.printTrial(trial, "table"); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in\n%s", lang, w, out.String())
			}
		}
	}
}

// The one file of a folder that was not loaded is named where the command ends.
func TestTheEndOfAFolderNamesItsFile(t *testing.T) {
	refused := &query.Error{Code: "LOAD_REFUSED", Class: query.ClassDenied, ZH: "第 3 行", EN: "row 3", HintEN: "mend it"}
	for _, c := range []struct {
		what string
		err  error
		want string
		code int
	}{
		{"refused", refused, "beds.csv: row 3", exitDenied},
		{"quarantined", quarantinedError{"beds", "v1"}, "", exitQuarantined},
	} {
		var out, errout strings.Builder
		a := &app{lang: "en", stdout: &out, stderr: &errout}
		err := a.summary(t.Context(), []*parcel{{file: "beds.csv", state: query.LoadRefused, err: c.err}})
		if code := a.report(err); code != c.code || !strings.Contains(errout.String(), c.want) {
			t.Errorf("%s: %d, want %d: %s", c.what, code, c.code, errout.String())
		}
	}
}
