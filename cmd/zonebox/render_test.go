//go:build linux

package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// driving are characters that move the cursor, ring, recolor, hide text or turn
// its direction.
const driving = "\x00\a\b\t\n\v\f\r\x1b\x7f\u0080\u009b\u009d" + // controls, also the eight-bit ones
	"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" + // direction
	"\u00ad\u200b\u200c\u200d\u2060\ufeff\U000e0041" + // invisible
	"\u2028\u2029" // line breaks

func TestPrintableLeavesNothingThatDrivesATerminal(t *testing.T) {
	for _, r := range driving {
		if got, want := printable("a"+string(r)+"b"), "a·b"; got != want {
			t.Errorf("printable(a %U b) = %q, want %q", r, got, want)
		}
	}
	for _, s := range []string{"", "汉字 and latin", "Ünïcödé", "320102", "∅·—", "e\u0301"} {
		if got := printable(s); got != s {
			t.Errorf("printable(%q) = %q, want it as it was", s, got)
		}
	}
	if got, want := printable("a\xffb"), "a\ufffdb"; got != want {
		t.Errorf("printable(invalid UTF-8) = %q, want %q", got, want)
	}
}

func TestCellsAndNamesDoNotReachTheTerminalAsControls(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Append("\x1b]0;title\a张三\u202e\r" + driving)
	b.Append("李四")
	col := b.NewArray()
	defer col.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "name\x1b[2J\u2068", Type: arrow.BinaryTypes.String}}, nil)
	rows := array.NewRecordBatch(schema, []arrow.Array{col}, 2)
	defer rows.Release()
	var out bytes.Buffer
	if err := render(&out, "table", schema, []arrow.RecordBatch{rows}); err != nil {
		t.Fatal(err)
	}
	wantHarmless(t, out.String())
	if why := misaligned(out.String()); why != "" {
		t.Error(why)
	}
}

// TestAnOperatorCannotDriveAReviewersTerminal sends the escape sequences in the
// statement itself, which the reviewer reads.
func TestAnOperatorCannotDriveAReviewersTerminal(t *testing.T) {
	h := newHome(t)
	h.serve(t)
	hostile := "SELECT name AS \"\x1b[2J\u202e\", '\x1b]0;owned\a\u2067' AS b FROM persons ORDER BY name LIMIT 1 -- \x1b[8m \u202d"
	o := h.ask(t, hostile)
	wantHarmless(t, o.out+o.errout)
	run := runPattern.FindString(o.errout)
	if o.code != exitReview || run == "" {
		t.Fatalf("exit %d, want a run in review: %s", o.code, o.errout)
	}
	shown := h.must(t, exitOK, "review", "show", "--as", "sun.health", run)
	if !strings.Contains(shown.out, "FROM persons") {
		t.Fatalf("review show does not show the statement: %q", shown.out)
	}
	wantHarmless(t, shown.out+shown.errout)
	o = h.must(t, exitOK, "explain", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", hostile)
	wantHarmless(t, o.out+o.errout)
	o = h.ask(t, "SELECT '\x1b]0;owned\a\u202e' AS b, count(*) AS n FROM visits GROUP BY 1")
	if o.code != exitOK || !strings.Contains(o.out, "9000") {
		t.Fatalf("exit %d: %s%s", o.code, o.out, o.errout)
	}
	wantHarmless(t, o.out+o.errout)
}

func wantHarmless(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Errorf("%U reached the terminal in %q", r, s)
			return
		}
	}
}
