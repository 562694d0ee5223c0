package policy_test

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"zonebox/policy"
)

// The functions by which one call makes a value many times as long are not there.
func TestNoFunctionMakesALongValueOfAShortOne(t *testing.T) {
	for _, text := range []string{
		`x := sprintf("%0999999999d", [1])`,
		`x := concat("", [input.zone.id, input.zone.id])`,
		`x := replace(input.zone.id, "", input.zone.id)`,
		`x := array.concat(input.query.tables, input.query.tables)`,
		`x := format_int(to_number("1e999999999"), 10)`,
		`x := 9999999999999999999 * 9999999999999999999`,
		`x := to_number("1e999999999") % 7`,
		`x := round(to_number("1e999999999"))`,
		`x := ceil(to_number("1e999999999"))`,
		`x := floor(to_number("1e999999999"))`,
		`x := numbers.range(1, 1000000000)`,
		`x := strings.repeat("x", 1000000000)`,
		`x := base64.encode(input.zone.id)`,
		`x := json.marshal(input)`,
		`x := graph.reachable({}, {})`,
		`x := regex.replace(input.zone.id, "", "xx")`,
	} {
		files := fstest.MapFS{"expert/x.rego": {Data: []byte("package zonebox.expert.x\n\n" + text + "\n")}}
		if _, err := policy.Build(files, 1); !errors.Is(err, policy.ErrBundle) {
			t.Errorf("%s was built: %v", text, err)
		}
	}
	if _, err := policy.Build(fstest.MapFS{"expert/x.rego": {Data: []byte("package zonebox.expert.x\n\nx := upper(input.zone.id)\n")}}, 1); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
}

// Rules that would fill the memory deny, and do not fill it.
func TestExpertRulesDoNotFillTheMemory(t *testing.T) {
	rows := "many := [" + strings.TrimSuffix(strings.Repeat("1,", 500), ",") + "]\n\n"
	text := strings.Repeat("x", 200_000)
	doubled := "a0 := [1, 1]\n\n"
	for i := range 40 {
		doubled += fmt.Sprintf("a%d := [a%d, a%d]\n\n", i+1, i, i)
	}
	objects := "o0 := {\"a\": 1, \"b\": 1}\n\n"
	for i := range 40 {
		objects += fmt.Sprintf("o%d := {\"a\": o%d, \"b\": o%d}\n\n", i+1, i, i)
	}
	if debug.SetGCPercent(100) < 0 {
		t.Fatal("no garbage is collected")
	}
	for name, rules := range map[string]string{
		"an array of pairs":      rows + `x := [[a, b, c] | some a in many; some b in many; some c in many]`,
		"a set of triples":       rows + `x := {[i, j, k] | some i, _ in many; some j, _ in many; some k, _ in many}`,
		"an object of triples":   rows + `x := {[i, j, k]: 1 | some i, _ in many; some j, _ in many; some k, _ in many}`,
		"a rule of triples":      rows + `x contains [i, j, k] if { some i, _ in many; some j, _ in many; some k, _ in many }`,
		"a map of triples":       rows + "x[[i, j, k]] := 1 if { some i, _ in many; some j, _ in many; some k, _ in many }",
		"texts in upper case":    rows + `x := [upper("` + text + `") | some a in many; some b in many]`,
		"texts split":            rows + `x := [split("` + text + `", "") | some a in many; some b in many]`,
		"slices":                 rows + `x := [array.slice(many, 1, 499 - c) | some a in many; some b in many; some c, _ in many]`,
		"sorted lists":           rows + `x := [sort(many) | some a in many; some b in many; some c in many]`,
		"unions":                 rows + `x := [s | some i, _ in many; some j, _ in many; s := {k | some k, _ in many} | {i + j}]`,
		"reversed lists":         rows + `x := [array.reverse(many) | some a in many; some b in many; some c in many]`,
		"lists within lists":     rows + `x := [[[c | some c in many] | some b in many] | some a in many]`,
		"arrays that double":     doubled + `deny contains {"code": "EXPERT_A", "article": "YC22-38", "zh": "否", "en": "no", "about": "x"} if a40 != 1`,
		"objects that double":    objects + `y := o40`,
		"a finding that doubles": doubled + `deny contains {"code": a40, "article": "YC22-38", "zh": "否", "en": "no", "about": "x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			e := under(t, map[string]string{"x": rules})
			in := facts(t)
			runtime.GC()
			before, highest := heap(), uint64(0)
			stop, stopped := make(chan bool), make(chan bool)
			go func() {
				defer close(stopped)
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						highest = max(highest, heap())
					}
				}
			}()
			d, err := e.Decide(t.Context(), in)
			close(stop)
			<-stopped
			if d.Verdict != policy.Deny || !cites(d.Reasons, "POLICY_EXPERT", "") || err == nil {
				t.Errorf("%v %q %v, want DENY for POLICY_EXPERT", d.Verdict, codes(d.Reasons), err)
			}
			grown := int64(max(highest, before)-before) >> 20
			t.Logf("the heap grew by %d MB", grown)
			if grown > 400 {
				t.Errorf("the heap grew by %d MB", grown)
			}
		})
	}
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
