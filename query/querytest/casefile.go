package querytest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"
)

// CaseFile is one topic of the corpus of statements: what is attacked, the facts
// it is asked under, and cases, each attack beside its allowed twin. Its format
// is described in testdata/queries/README.md.
type CaseFile struct {
	Name    string // file name
	Classes []string
	Topic   string
	Facts   Facts
	Rows    map[string]Table
	Cases   []Case
}

// Case is one statement and what must become of it.
type Case struct {
	Name     string // attack-1, twin-1
	Attack   bool
	Note     string // what it tries, in both languages
	Scenario string
	SQL      string
	Want     Outcome
	Today    *Outcome // what becomes of it until Want is built; nil if Want holds
}

var (
	caseSection = regexp.MustCompile(`^((attack|twin)-[1-9][0-9]?)\.(sql|want|today)$`)
	rowsSection = regexp.MustCompile(`^([a-z][a-z0-9_]*)\.csv$`)
	headerLine  = regexp.MustCompile(`^(类别 class|题目 topic|事实 facts): (.+)$`)
)

// ReadCaseFile reads a file of the corpus. A section that is not known or not
// used, a case without its statement or outcome, and a page that lacks one of
// the two languages are errors.
func ReadCaseFile(path string) (*CaseFile, error) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		return nil, fmt.Errorf("querytest: %w", err)
	}
	f := &CaseFile{Name: filepath.Base(path), Rows: map[string]Table{}}
	base, err := f.comment(string(a.Comment))
	if err != nil {
		return nil, fmt.Errorf("querytest: %s: %w", f.Name, err)
	}
	if base != "own" {
		if err := f.base(filepath.Join(filepath.Dir(path), base)); err != nil {
			return nil, err
		}
	}
	for _, s := range a.Files {
		if err := f.section(s.Name, string(s.Data)); err != nil {
			return nil, fmt.Errorf("querytest: %s: section %s: %w", f.Name, s.Name, err)
		}
	}
	return f, f.complete()
}

// comment reads the top of a file and returns where its facts are.
func (f *CaseFile) comment(text string) (base string, err error) {
	var zh, en bool
	for _, line := range strings.Split(text, "\n") {
		m := headerLine.FindStringSubmatch(line)
		switch {
		case m == nil && han(line):
			zh = true
		case m == nil && line != "":
			en = true
		case m == nil:
		case m[1] == "类别 class":
			f.Classes = strings.Fields(m[2])
		case m[1] == "题目 topic":
			f.Topic = m[2]
		default:
			base = m[2]
		}
	}
	if len(f.Classes) == 0 || f.Topic == "" || base == "" || !zh || !en {
		return "", errors.New("the comment lacks class, topic, facts, or a paragraph in one of the languages")
	}
	return base, nil
}

func han(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// base reads facts and rows that several files share.
func (f *CaseFile) base(dir string) error {
	page, err := os.ReadFile(filepath.Join(dir, "facts.md"))
	if err != nil {
		return fmt.Errorf("querytest: %s: %w", f.Name, err)
	}
	if f.Facts, err = ParseFacts(string(page)); err != nil {
		return err
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil {
		return err
	}
	for _, path := range tables {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("querytest: %s: %w", f.Name, err)
		}
		if f.Rows[strings.TrimSuffix(filepath.Base(path), ".csv")], err = ReadTable(string(text)); err != nil {
			return fmt.Errorf("querytest: %s: %w", path, err)
		}
	}
	return nil
}

func (f *CaseFile) section(name, text string) (err error) {
	if name == "facts.md" && f.Facts.Pack == "" {
		f.Facts, err = ParseFacts(text)
		return err
	}
	if m := rowsSection.FindStringSubmatch(name); m != nil {
		f.Rows[m[1]], err = ReadTable(text)
		return err
	}
	m := caseSection.FindStringSubmatch(name)
	if m == nil {
		return errors.New("no such section")
	}
	if m[3] == "sql" {
		if slices.ContainsFunc(f.Cases, func(c Case) bool { return c.Name == m[1] }) {
			return errors.New("it stands twice")
		}
		c := Case{Name: m[1], Attack: m[2] == "attack"}
		if err := c.statement(text); err != nil {
			return err
		}
		f.Cases = append(f.Cases, c)
		return nil
	}
	if len(f.Cases) == 0 || f.Cases[len(f.Cases)-1].Name != m[1] {
		return errors.New("it does not follow the statement of its case")
	}
	c := &f.Cases[len(f.Cases)-1]
	out, err := ParseOutcome(text)
	switch {
	case err != nil:
		return err
	case m[3] == "want" && c.Want.Verdict == "":
		c.Want = out
	case m[3] == "today" && c.Today == nil && c.Want.Verdict != "":
		c.Today = &out
	default:
		return errors.New("it stands twice, or before what is wanted")
	}
	return nil
}

// statement reads lines of explanation, which begin with #, lines of settings,
// which begin with @, and the statement.
func (c *Case) statement(text string) error {
	lines := strings.Split(text, "\n")
	for len(lines) > 0 && (strings.HasPrefix(lines[0], "#") || strings.HasPrefix(lines[0], "@")) {
		if note, ok := strings.CutPrefix(lines[0], "# "); ok {
			c.Note = strings.TrimSpace(c.Note + " " + note)
		} else if c.Scenario, ok = strings.CutPrefix(lines[0], "@scenario "); !ok {
			return fmt.Errorf("setting %q is not known", lines[0])
		}
		lines = lines[1:]
	}
	zh, en, _ := strings.Cut(c.Note, " / ")
	if !han(zh) || en == "" {
		return errors.New("the explanation is not 中文 / English")
	}
	var err error
	if c.SQL, err = expand(strings.TrimSpace(strings.Join(lines, "\n"))); err == nil && c.SQL == "" {
		err = errors.New("no statement")
	}
	return err
}

// short writes what nobody wants to read in full: {U+00A0} is that character,
// {1..3} is '1', '2', '3', and {3 x ab} is ababab.
var short = regexp.MustCompile(`\{(?:U\+([0-9A-F]{4,6})|([0-9]+)\.\.([0-9]+)|([0-9]+) x ([^}]+))\}`)

func expand(sql string) (string, error) {
	var failed error
	out := short.ReplaceAllStringFunc(sql, func(s string) string {
		m := short.FindStringSubmatch(s)
		number := func(i, base int) int64 {
			n, err := strconv.ParseInt(m[i], base, 64)
			if err != nil {
				failed = err
			}
			return n
		}
		switch {
		case m[1] != "":
			return string(rune(number(1, 16)))
		case m[4] != "":
			return strings.Repeat(m[5], int(number(4, 10)))
		}
		var list []string
		for n := number(2, 10); n <= number(3, 10); n++ {
			list = append(list, "'"+strconv.FormatInt(n, 10)+"'")
		}
		return strings.Join(list, ", ")
	})
	return out, failed
}

// complete reports what a file lacks.
func (f *CaseFile) complete() error {
	attacks, twins := 0, 0
	for i := range f.Cases {
		c := &f.Cases[i]
		if c.Want.Verdict == "" {
			return fmt.Errorf("querytest: %s: %s has no .want", f.Name, c.Name)
		}
		if c.Scenario == "" {
			c.Scenario = f.Facts.Scenarios[0].Name
		}
		if !slices.ContainsFunc(f.Facts.Scenarios, func(s FactsScenario) bool { return s.Name == c.Scenario }) {
			return fmt.Errorf("querytest: %s: %s: no scenario %s", f.Name, c.Name, c.Scenario)
		}
		if c.Attack {
			attacks++
		} else if twins++; !c.Want.Shows() {
			return fmt.Errorf("querytest: %s: %s is a twin and shows nothing", f.Name, c.Name)
		}
	}
	if attacks == 0 || twins == 0 {
		return fmt.Errorf("querytest: %s: %d attacks and %d twins, want both", f.Name, attacks, twins)
	}
	for name := range f.Rows {
		if !slices.ContainsFunc(f.Facts.Datasets, func(d FactsDataset) bool { return d.Name == name }) {
			return fmt.Errorf("querytest: %s: %s.csv belongs to no dataset", f.Name, name)
		}
	}
	return nil
}
