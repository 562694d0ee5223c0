package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/masking/maskbench"
)

func benchMasking(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errout bytes.Buffer
	args = append([]string{"bench", "masking", "--rows", "1000", "--time", "1ms", "--technique", "partial,number", "--lang", "en"}, args...)
	code = run(t.Context(), args, strings.NewReader(""), &out, &errout)
	return code, out.String(), errout.String()
}

// A baseline of other speeds: the figures of this run times factor.
func TestABenchmarkIsComparedWithItsBaseline(t *testing.T) {
	dir := t.TempDir()
	saved, page := filepath.Join(dir, "base.json"), filepath.Join(dir, "report.html")
	code, out, errout := benchMasking(t, "--save", saved, "--html", page)
	if code != exitOK || errout != "" || !strings.Contains(out, "partial(3,4)") || !strings.Contains(out, "memcpy") || strings.Contains(out, "baseline") {
		t.Fatalf("exit %d, stderr %q\n%s", code, errout, out)
	}
	if text, err := os.ReadFile(page); err != nil || !bytes.Contains(text, []byte("<svg")) {
		t.Errorf("no report: %v", err)
	}
	f, err := os.Open(saved)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	base, err := maskbench.Read(f)
	if err != nil || len(base.Results) == 0 {
		t.Fatalf("saved %d results, %v", len(base.Results), err)
	}
	for _, tt := range []struct {
		name   string
		factor float64 // of the baseline's times; far beyond any machine's noise
		args   []string
		code   int
		out    string
	}{
		{"slower.json", 1e-6, nil, exitOK, " 0 faster · "},
		{"slower.json", 1e-6, []string{"--fail-slower", "10%"}, exitFailure, " 0 faster · "},
		{"faster.json", 1e6, []string{"--fail-slower", "10%"}, exitOK, " 0 slower · "},
	} {
		changed := base
		changed.Results = nil
		for _, r := range base.Results {
			r.Median *= tt.factor
			r.Spread = 1
			changed.Results = append(changed.Results, r)
		}
		path := filepath.Join(dir, tt.name)
		if err := writeReport(path, changed.Write); err != nil {
			t.Fatal(err)
		}
		code, out, _ := benchMasking(t, append(tt.args, "--compare", path)...)
		if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(out, "0 not in it") || strings.Contains(out, "other masks") {
			t.Errorf("%s %v: exit %d, want %d\n%s", tt.name, tt.args, code, tt.code, out)
		}
	}
}

// A baseline of another machine is compared with and said to be one.
func TestABaselineOfAnotherMachineIsSaidToBeOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "base.json")
	if code, out, _ := benchMasking(t, "--technique", "partial", "--save", path); code != exitOK {
		t.Fatalf("exit %d\n%s", code, out)
	}
	base, err := readReport(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, out, _ := benchMasking(t, "--technique", "partial", "--compare", path); strings.Contains(out, "another machine") {
		t.Errorf("the same machine is another\n%s", out)
	}
	base.Machine.CPU = "\x1b[2JElsewhere"
	if err := writeReport(path, base.Write); err != nil {
		t.Fatal(err)
	}
	if _, out, _ := benchMasking(t, "--technique", "partial", "--compare", path); !strings.Contains(out, "another machine") || strings.Contains(out, "\x1b[2J") {
		t.Errorf("compared with another machine\n%s", out)
	}
}

func TestABenchmarkOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phones.csv")
	if err := os.WriteFile(path, []byte("phone\n"+strings.Repeat("13812345678\n", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := benchMasking(t, "--file", path, "--column", "phone", "-o", "json")
	r, err := maskbench.Read(strings.NewReader(out))
	if code != exitOK || err != nil || len(r.Results) == 0 || r.Results[0].Rows != 20 || r.Results[0].Column != "phone" {
		t.Errorf("exit %d, %v\n%s", code, err, out)
	}
}

func TestABenchmarkRefusesFlagsThatSayNothing(t *testing.T) {
	for _, args := range [][]string{
		{"--technique", "blur"}, {"--rows", "5"}, {"--time", "0s"}, {"-o", "csv"}, {"--column", "phone"}, {"--file", "x.csv"},
		{"--fail-slower", "10%"}, {"--fail-slower", "much", "--compare", "x"}, {"--fail-slower", "-1%", "--compare", "x"}, {"phones.csv"},
	} {
		if code, out, _ := benchMasking(t, args...); code != exitUsage || out != "" {
			t.Errorf("%v: exit %d, want %d", args, code, exitUsage)
		}
	}
	if code, _, errout := benchMasking(t, "--compare", filepath.Join(t.TempDir(), "none.json")); code != exitFailure || errout == "" {
		t.Errorf("a baseline that does not exist: exit %d", code)
	}
}
