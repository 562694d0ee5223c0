package querytest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

// wellFormed is a file of the corpus with everything it needs.
const wellFormed = `类别 class: 4
题目 topic: 计数 / Counting
事实 facts: own

攻击与对照。

An attack and its twin.

-- facts.md --
政策包 pack: nanjing-2024
最小人数 k: 10
保护级别 threshold: 3

## persons · 人口登记

提供单位 provider: public-security
个人信息 personal: yes
主体 entity: id

| 列 column | 类型 type | 级别 level |
|---|---|---|
| id | string | 4 |

## scenario statistics · 统计

| 列 column | 形态 form | 许可 permissions |
|---|---|---|
| persons.id | MASKED token | |

-- persons.csv --
id
320102
-- attack-1.sql --
# 原值 / the original
SELECT count(*) FROM persons WHERE id = '{3 x 12}'
-- attack-1.want --
DENY SOME_CODE
-- twin-1.sql --
# 全部 / all
@scenario statistics
SELECT count(*) AS n FROM persons WHERE id IN ({1..3})
-- twin-1.want --
ALLOW
n
44
`

func readCases(t *testing.T, text string) (*querytest.CaseFile, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "01-counting.txtar")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return querytest.ReadCaseFile(path)
}

func TestACaseFileSaysWhatIsAsked(t *testing.T) {
	f, err := readCases(t, wellFormed)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) != 2 || !f.Cases[0].Attack || f.Cases[1].Attack || f.Cases[0].Scenario != "statistics" {
		t.Errorf("cases = %+v, want an attack and a twin in the scenario statistics", f.Cases)
	}
	if got, want := f.Cases[0].SQL, "SELECT count(*) FROM persons WHERE id = '121212'"; got != want {
		t.Errorf("statement = %s, want %s", got, want)
	}
	if got, want := f.Cases[1].SQL, "SELECT count(*) AS n FROM persons WHERE id IN ('1', '2', '3')"; got != want {
		t.Errorf("statement = %s, want %s", got, want)
	}
	if got := f.Facts.Secrets(f.Rows); !got["320102"] || len(got) != 1 {
		t.Errorf("secrets = %v, want the identity number", got)
	}
}

// Whatever is not understood, not used or missing makes a file unreadable, so
// that no case goes unasked.
func TestACaseFileHoldsNothingUnread(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"a section of another name", "-- twin-1.want --", "-- twin-1.wants --"},
		{"a section that is no case", "-- attack-1.sql --", "-- notes --\n\n-- attack-1.sql --"},
		{"an outcome without its statement", "-- attack-1.want --", "-- attack-2.want --"},
		{"a statement without its outcome", "-- twin-1.want --\nALLOW\nn\n44\n", ""},
		{"a case twice", "-- twin-1.sql --", "-- attack-1.sql --\n# 甲 / a\nSELECT 1\n-- twin-1.sql --"},
		{"an outcome twice", "-- twin-1.sql --", "-- attack-1.want --\nDENY A\n-- twin-1.sql --"},
		{"no attack", "-- attack-1.sql --\n# 原值 / the original\nSELECT count(*) FROM persons WHERE id = '{3 x 12}'\n-- attack-1.want --\nDENY SOME_CODE\n", ""},
		{"no twin", "-- twin-1.sql --\n# 全部 / all\n@scenario statistics\nSELECT count(*) AS n FROM persons WHERE id IN ({1..3})\n-- twin-1.want --\nALLOW\nn\n44\n", ""},
		{"a twin that is refused", "ALLOW\nn\n44\n", "DENY SOME_CODE\n"},
		{"a twin that shows no row", "ALLOW\nn\n44\n", "ALLOW\nn\n(没有行 no rows)\n"},
		{"a twin whose cells are withheld", "ALLOW\nn\n44\n", "ALLOW\nn\n∅\n"},
		{"an explanation in one language", "# 全部 / all", "# all"},
		{"a setting nobody knows", "@scenario statistics", "@user li.op"},
		{"a scenario nobody knows", "@scenario statistics", "@scenario others"},
		{"rows of no dataset", "-- persons.csv --", "-- others.csv --"},
		{"a comment in one language", "An attack and its twin.\n", ""},
		{"a comment without a class", "类别 class: 4\n", ""},
		{"a verdict nobody knows", "DENY SOME_CODE", "MAYBE"},
		{"a refusal without a reason", "DENY SOME_CODE", "DENY"},
		{"an answer without its rows", "ALLOW\nn\n44\n", "ALLOW\n"},
		{"a row with too many cells", "n\n44\n", "n\n44 | 45\n"},
		{"facts with a key nobody knows", "个人信息 personal: yes", "个人信息 private: yes"},
		{"facts with a form nobody knows", "MASKED token", "MASKED somehow"},
		{"facts with a column without a level", "| id | string | 4 |", "| id | string | |"},
		{"facts without the minimum group", "最小人数 k: 10\n", ""},
	} {
		if !strings.Contains(wellFormed, c.old) {
			t.Fatalf("%s: nothing to replace", c.name)
		}
		if _, err := readCases(t, strings.ReplaceAll(wellFormed, c.old, c.new)); err == nil {
			t.Errorf("a file with %s is read", c.name)
		}
	}
}

func TestAnOutcomeReadsAsItIsWritten(t *testing.T) {
	o := querytest.Outcome{Verdict: querytest.Reviewed, Codes: []string{"RELEASE_REVIEW", "QUERY_REVIEW", "RELEASE_REVIEW"}, Columns: []string{"区划", "id"},
		Rows: [][]string{{"320104", strings.Repeat("ab", 16)}, {"", querytest.Null}, {"320104", strings.Repeat("ab", 16)}}}
	const want = "REVIEW QUERY_REVIEW RELEASE_REVIEW\n区划   | id\n\"\"     | ∅\n320104 | 令牌1\n320104 | 令牌1\n"
	got := o.Comparable(false)
	if got.String() != want {
		t.Errorf("outcome =\n%swant\n%s", got, want)
	}
	if again, err := querytest.ParseOutcome(got.String()); err != nil || !again.Equal(got) {
		t.Errorf("read again =\n%s%v", again, err)
	}
	if o.Comparable(true).Equal(got) {
		t.Error("the order of rows does not count where the statement orders them")
	}
}
