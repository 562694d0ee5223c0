package release_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/release"
)

// Lines that somebody found are read as people pass tables on.
func TestLinesAreReadAsTheyAreFound(t *testing.T) {
	gbk, err := simplifiedchinese.GB18030.NewEncoder().String("姓名,区\n张*,320102\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"as written":         {"name,n\n张*,5\n", "name|n;张*|5"},
		"as Excel keeps it":  {"\ufeffname,n\r\n\"'=张\",5\r\n", "name|n;=张|5"},
		"as Excel saves it":  {gbk, "姓名|区;张*|320102"},
		"copied from sheets": {"张*\t5\n李*\t6", "张*|5;李*|6"},
		"torn":               {"张*,5\n,\n李*\n\n", "张*|5;|;李*"},
		"quoted and torn":    {"say \"5\",6\n", `say "5"|6`},
	} {
		lines, err := release.Lines([]byte(c.text))
		var got []string
		for _, line := range lines {
			got = append(got, strings.Join(line, "|"))
		}
		if err != nil || strings.Join(got, ";") != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	for name, text := range map[string]string{"nothing": "", "blank": "\n\n", "binary": "\xff\xfe\x00s3cret\x80"} {
		if lines, err := release.Lines([]byte(text)); !errors.Is(err, release.ErrLines) || strings.Contains(err.Error(), "s3cret") || slices.Concat(lines...) != nil {
			t.Errorf("%s: %q, %v, want ErrLines and no word of it", name, lines, err)
		}
	}
}
