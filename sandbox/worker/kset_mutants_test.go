package worker

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kMutants are mistakes in kset.c: a statement and what stands in its place.
var kMutants = []struct{ rule, old, new string }{
	{"no mistake", "n++;", "n++;"},
	{"sets are combined without looking for what both have", "add(into[i], k, number(from[i], j));", "put(into[i], 0, number(into[i], 0) + 1);"},
	{"a full set does not fill another", "put(into[i], 0, k);", ";"},
	{"a row without a code counts", "if (number(states[i], 0) < k && (valid == NULL || valid[i >> 6] >> (i & 63) & 1)) {\n\t\t\tadd(states[i], k, codes[i]);\n\t\t}",
		"if (number(states[i], 0) < k) { add(states[i], k, codes[i]); }"},
	{"rows count, not codes", "if (number(set, i) == code) {\n\t\t\treturn;\n\t\t}", ";"},
	{"the last code is not looked at", "if (number(set, i) == code) {\n\t\t\treturn;\n\t\t}", "if (number(set, i) == code && i < n) { return; }"},
	{"codes are cut to three bytes", "if (number(set, i) == code) {\n\t\t\treturn;\n\t\t}", "if ((number(set, i) & 0xffffff) == (code & 0xffffff)) { return; }"},
	{"one less than k is as good as k", "out[i] = number(states[i], 0);", "out[i] = number(states[i], 0) + (number(states[i], 0) + 1 == limit(info));"},
	{"one more than k is asked for", "put(set, 0, n);", "put(set, 0, n == k ? k - 1 : n);"},
}

// The comparison with count(DISTINCT) sees each of these mistakes, and nothing
// where there is none.
func TestCountDistinctCatchesMistakenCounters(t *testing.T) {
	if os.Getenv("ZONEBOX_MUTANT") != "" {
		t.Skip("this is the test of a mutant")
	}
	source, err := os.ReadFile("kset.c")
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	// One build holds them all; the environment chooses.
	for i, m := range kMutants {
		if strings.Count(string(source), m.old) != 1 {
			t.Fatalf("%s: kset.c has the statement %d times, want once", m.rule, strings.Count(string(source), m.old))
		}
		text = strings.Replace(text, m.old, fmt.Sprintf("if (mutant == %d) { %s } else { %s }", i, m.new, m.old), 1)
	}
	text = strings.Replace(text, "enum {", `#include <stdlib.h>
static int mutant;
__attribute__((constructor)) static void choose(void) { mutant = atoi(getenv("ZONEBOX_MUTANT")); }
enum {`, 1)
	dir := t.TempDir()
	here, err := filepath.Abs("kset.c")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{here: filepath.Join(dir, "kset.c")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"kset.c": []byte(text), "overlay.json": overlay} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "test", "-c", "-overlay", filepath.Join(dir, "overlay.json"), "-tags", "duckdb_arrow", "-o", filepath.Join(dir, "mutants"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for i, m := range kMutants {
		test := exec.Command(filepath.Join(dir, "mutants"), "-test.run", "^TestCounterEqualsCountDistinct$", "-test.short")
		test.Env = append(os.Environ(), fmt.Sprintf("ZONEBOX_MUTANT=%d", i), "ZONEBOX_SEED=1")
		out, err := test.CombinedOutput()
		if caught := strings.Contains(string(out), "differ from count(DISTINCT)"); caught != (i > 0) || (err == nil) != (i == 0) {
			t.Errorf("%s: caught %t, %v\n%.2000s", m.rule, caught, err, out)
		}
	}
}
