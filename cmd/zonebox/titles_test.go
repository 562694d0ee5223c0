package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
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

func TestEveryEventOfATermHasAName(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "policy", "pack", "pack.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Event struct{ Enum []string } `json:"event"`
			Timer struct {
				Properties struct {
					Origin struct{ Enum []string }
				}
			} `json:"timer"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	events, from := schema.Defs.Event.Enum, schema.Defs.Timer.Properties.Origin.Enum
	if len(events) < 10 || len(from) != 3 {
		t.Fatalf("%d events and %d origins in the schema of packs", len(events), len(from))
	}
	a := &app{lang: "zh"}
	for _, e := range events {
		if a.called(courseEvents, e) == e {
			t.Errorf("the event %s has no name", e)
		}
	}
	for _, o := range from {
		if a.called(origins, o) == o {
			t.Errorf("the origin %s has no name", o)
		}
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

func TestEveryMoveOfACourseHasAName(t *testing.T) {
	a := &app{lang: "zh"}
	for file, titles := range map[string]map[string][2]string{"agreement.go": courseMoves, "request.go": requestMoveTitles} {
		source, err := os.ReadFile(filepath.Join(root, "workflow", file))
		if err != nil {
			t.Fatal(err)
		}
		moves := regexp.MustCompile(`\{Name: "(\w+)"`).FindAllSubmatch(source, -1)
		if len(moves) < 10 {
			t.Fatalf("found %d moves in %s, want ten or more", len(moves), file)
		}
		for _, m := range moves {
			if name := string(m[1]); a.called(titles, name) == name {
				t.Errorf("%s: the move %s has no name", file, name)
			}
		}
	}
}
