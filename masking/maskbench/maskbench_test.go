package maskbench_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"zonebox/masking/maskbench"
)

func run(t *testing.T, o maskbench.Options) maskbench.Report {
	t.Helper()
	if o.Time == 0 {
		o.Time = time.Millisecond
	}
	r, err := maskbench.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// digests are those of each result, by its name.
func digests(t *testing.T, r maskbench.Report) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, x := range r.Results {
		if _, twice := out[x.Name()]; twice || len(x.Digest) != 64 {
			t.Errorf("%s: digest %q, twice %v", x.Name(), x.Digest, twice)
		}
		out[x.Name()] = x.Digest
		if x.Rounds < 9 || !(x.Spread >= 0) || !(x.Median >= x.Min) || x.Min <= 0 || x.OfMemcpy <= 0 || x.Ran <= 0 || x.Ran > 1 {
			t.Errorf("%s: no figures: %+v", x.Name(), x)
		}
	}
	return out
}

// A15: a second run masks the same rows, by any number of threads. That it takes
// as long within its spread shows TestASecondRunRepeatsWithinTheSpread.
func TestASecondRunMasksTheSameRows(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	o := maskbench.Options{Rows: maskbench.BatchRows + 1000, Seed: 7, Kinds: []string{"partial", "token", "shuffle", "shift"}}
	first := digests(t, run(t, o))
	second := digests(t, run(t, o))
	byThreads := 0
	for name, want := range first {
		if second[name] != want {
			t.Errorf("%s: the second run masks other rows", name)
		}
		if one, ok := strings.CutSuffix(name, "×2"); ok {
			byThreads++
			if first[one+"×1"] != want {
				t.Errorf("%s: two threads mask other rows than one", name)
			}
		}
	}
	if len(first) != len(second) || byThreads == 0 || byThreads != len(first)/2 {
		t.Errorf("%d results, %d, and %d by two threads", len(first), len(second), byThreads)
	}
	o.Seed, o.Kinds = 8, []string{"partial"}
	for name, digest := range digests(t, run(t, o)) {
		if first[name] == digest {
			t.Errorf("control: %s masks other data to the same", name)
		}
	}
}

func TestEveryTechniqueMasksSomethingOfItsColumn(t *testing.T) {
	for _, x := range run(t, maskbench.Options{Rows: 2000, Seed: 1}).Results {
		if x.Misfits == x.Rows && x.Rows > 0 {
			t.Errorf("%s: no value has the shape: nothing is measured", x.Name())
		}
		if keyed := strings.Contains(" token ff1 identifier shift noise shuffle ", " "+x.Kind+" ") && !strings.Contains(x.Technique, "hmac"); keyed && x.Layout == "plain" != (x.OverFloor > 0) {
			t.Errorf("%s: %v times the floor of %d blocks", x.Name(), x.OverFloor, x.Blocks)
		}
	}
}

// A15 in time: it takes minutes, a quiet machine shows less.
func TestASecondRunRepeatsWithinTheSpread(t *testing.T) {
	if os.Getenv("ZONEBOX_LONG") == "" {
		t.Skip("make bench-repeat runs it")
	}
	o := maskbench.Options{Rows: 1 << 18, Seed: 1, Time: 30 * time.Second}
	first := run(t, o)
	second := run(t, o)
	outside := 0
	for _, c := range second.Compare(first) {
		if c.Remasked {
			t.Errorf("%s: other rows", c.Name)
		}
		if c.Verdict != maskbench.Same {
			outside++
			t.Logf("%s: %+.1f%%, spread %.1f%%", c.Name, c.Percent, c.Spread)
		}
	}
	t.Logf("%d of %d results outside their spread", outside, len(second.Results))
	if outside*20 > len(second.Results) {
		t.Errorf("%d of %d results outside their spread, want one in twenty at most", outside, len(second.Results))
	}
}

func TestAColumnOfAFile(t *testing.T) {
	file := "\ufeffname,phone\n" + strings.Repeat("张三,13812345678\n李四,\n", 700)
	r := run(t, maskbench.Options{Rows: 1000, File: strings.NewReader(file), Column: "phone", Type: "string", Kinds: []string{"partial", "number"}})
	for _, x := range r.Results {
		if x.Kind != "partial" || x.Column != "phone" || x.Rows != 1000 || x.Distinct != 1 || x.Layout == "plain" && x.Bytes != 500*11 {
			t.Errorf("%+v", x)
		}
	}
	if len(r.Results) == 0 {
		t.Error("nothing was measured")
	}
	for _, tt := range []struct {
		file, column, typ, kind string
		options                 bool
	}{
		{file, "mobile", "string", "partial", true},
		{file, "phone", "text", "partial", true},
		{file, "phone", "string", "partially", true},
		{file, "phone", "string", "number", true},
		{"phone\n", "phone", "string", "partial", true},
		{file, "bank_card", "string", "partial", true}, // which only the city invents
		{"", "phone", "string", "partial", false},
		{"n\n5\nsecret\n", "n", "int64", "number", false},
		{"n,m\n5,6\n\"secret\n", "n", "string", "token", false},
	} {
		_, err := maskbench.Run(t.Context(), maskbench.Options{Rows: 1000, Time: 1, File: strings.NewReader(tt.file), Column: tt.column, Type: tt.typ, Kinds: []string{tt.kind}})
		if err == nil || errors.Is(err, maskbench.ErrOptions) != tt.options || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q as %s, %s: %v, of options %v", tt.column, tt.typ, tt.kind, err, tt.options)
		}
	}
}

func TestAChangeWithinTheLargerSpreadIsNone(t *testing.T) {
	result := func(median, spread float64) maskbench.Result {
		return maskbench.Result{Technique: "token", Column: "phone", Rows: 10, Bytes: 110, Median: median, Spread: spread, Digest: "a"}
	}
	for _, tt := range []struct {
		base, now maskbench.Result
		verdict   string
		percent   float64
	}{
		{result(100, 5), result(104, 1), maskbench.Same, -3.8},
		{result(100, 1), result(104, 5), maskbench.Same, -3.8},
		{result(100, 1), result(104, 1), maskbench.Slower, -3.8},
		{result(104, 1), result(100, 1), maskbench.Faster, 4},
		{result(100, 5), result(50, 5), maskbench.Faster, 100},
		// The same two the other way around are judged alike.
		{result(100, 45), result(150, 45), maskbench.Slower, -33.3},
		{result(150, 45), result(100, 45), maskbench.Faster, 50},
	} {
		got := maskbench.Report{Results: []maskbench.Result{tt.now}}.Compare(maskbench.Report{Results: []maskbench.Result{tt.base}})
		if len(got) != 1 || got[0].Verdict != tt.verdict || got[0].Percent < tt.percent-0.1 || got[0].Percent > tt.percent+0.1 || got[0].Remasked {
			t.Errorf("%v after %v = %+v, want %s", tt.now.Median, tt.base.Median, got, tt.verdict)
		}
	}
	other, remasked := result(100, 1), result(100, 1)
	other.Rows, remasked.Digest = 11, "b"
	if got := (maskbench.Report{Results: []maskbench.Result{other}}).Compare(maskbench.Report{Results: []maskbench.Result{remasked}}); len(got) != 0 {
		t.Errorf("results of other sizes are compared: %+v", got)
	}
	got := maskbench.Report{Results: []maskbench.Result{remasked}}.Compare(maskbench.Report{Results: []maskbench.Result{result(100, 1)}})
	if len(got) != 1 || !got[0].Remasked {
		t.Errorf("other masks go unnoticed: %+v", got)
	}
}

func TestAReportIsOnePageThatFetchesNothing(t *testing.T) {
	file := "<script>x\n" + strings.Repeat("13812345678\n", 10)
	r := run(t, maskbench.Options{Rows: 1000, File: strings.NewReader(file), Column: "<script>x", Type: "string"})
	r.Compared = []maskbench.Change{{Name: "c", Verdict: maskbench.Slower}}
	r.Beside = []maskbench.Beside{{Task: "b", Allocs: new(43.25)}}
	r.Targets = []maskbench.Target{{What: "t"}}
	var page strings.Builder
	if err := r.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"<script", "http://", "https://", "src=", "href=", "@import", "url(", "NaN", "Inf", "ZgotmplZ", "%!", "0x"} {
		if strings.Contains(page.String(), never) {
			t.Errorf("the page has %q", never)
		}
	}
	for _, want := range []string{"<svg", "&lt;script&gt;x", "memcpy", "未达到 missed", ">43.2<", "更慢 slower", "prefers-color-scheme: dark"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page has no %q", want)
		}
	}
	var saved strings.Builder
	if err := r.Write(&saved); err != nil {
		t.Fatal(err)
	}
	read, err := maskbench.Read(strings.NewReader(saved.String()))
	if err != nil || len(read.Results) != len(r.Results) || read.Results[0] != r.Results[0] {
		t.Errorf("a report that was saved reads as %+v, %v", read, err)
	}
}

// A column of nulls has no byte to copy or to encipher: its report is as finite as
// others.
func TestAColumnOfNullsIsReported(t *testing.T) {
	r := run(t, maskbench.Options{Rows: 1000, File: strings.NewReader("a,b\n,1\n,2\n"), Column: "a", Type: "string", Kinds: []string{"partial", "token"}})
	for _, x := range r.Results {
		if x.Bytes != 0 && x.Layout == "plain" || x.OverFloor != 0 || x.Cipher != "" {
			t.Errorf("%s of nulls: %d bytes, %v over the floor of %q", x.Name(), x.Bytes, x.OverFloor, x.Cipher)
		}
	}
	var page strings.Builder
	if err := r.WriteHTML(&page); err != nil || page.Len() > 1<<20 || strings.Contains(page.String(), "NaN") || strings.Contains(page.String(), "Inf") {
		t.Errorf("the page has %d bytes, %v", page.Len(), err)
	}
}

// Spreadsheets put a mark before the header, and the header in quotes.
func TestAMarkBeforeAQuotedHeader(t *testing.T) {
	file := "\ufeff\"phone\",\"\"\n" + strings.Repeat("13812345678,\n", 20)
	r := run(t, maskbench.Options{Rows: 1000, File: strings.NewReader(file), Column: "phone", Type: "string", Kinds: []string{"partial"}})
	if len(r.Results) == 0 || r.Results[0].Rows != 20 {
		t.Errorf("measured %+v", r.Results)
	}
}

func TestMachinesThatAreAlike(t *testing.T) {
	m := maskbench.Machine{CPU: "a", Cores: 2, AES: "VAES", System: "linux/amd64", Go: "go1", Load: "1 1 1"}
	if other := (maskbench.Machine{CPU: "a", Cores: 2, AES: "VAES", System: "linux/amd64", Go: "go2", Load: "2 2 2"}); !m.Like(other) {
		t.Errorf("%+v is unlike %+v", other, m)
	}
	for _, change := range []func(*maskbench.Machine){
		func(m *maskbench.Machine) { m.CPU = "b" }, func(m *maskbench.Machine) { m.Cores = 4 },
		func(m *maskbench.Machine) { m.AES = "" }, func(m *maskbench.Machine) { m.System = "linux/arm64" },
	} {
		other := m
		change(&other)
		if m.Like(other) {
			t.Errorf("%+v is like %+v", other, m)
		}
	}
}
