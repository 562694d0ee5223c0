package querytest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"zonebox/registry"
)

// Facts are what a page of Markdown says of a zone, for readers who do not
// program: datasets with their levels and entity keys, scenarios with what they
// are granted, and the figures of the city pack that count.
//
// A page has a heading "## NAME · title" for each dataset and "## scenario NAME
// · title" for each scenario, lines "说明 key: value", and one table each. Keys
// and headings of columns are their last word. Everything else is prose.
type Facts struct {
	Pack         string
	K, Threshold int // what the page says of the pack, for its reader; Agree compares
	Datasets     []FactsDataset
	Scenarios    []FactsScenario
}

// FactsDataset is one dataset of a page.
type FactsDataset struct {
	Name string
	Spec registry.Dataset
}

// FactsScenario is one scenario of a page with its grants.
type FactsScenario struct {
	Name, Title  string
	From, Until  string // term of its grants
	GrantStatus  string // ACTIVE, or REVOKED after it was given
	License      string // status of its license: ACTIVE, or SUSPENDED after the grants
	Scope        map[string][]registry.Condition
	Grants       map[string][]registry.GrantColumn
	GrantedOrder []string // datasets in the order of the page
}

var (
	factsHeading = regexp.MustCompile(`^## (scenario )?([a-z0-9_-]+)(?: · (.+))?$`)
	factsLine    = regexp.MustCompile(`^(?:.*[^a-z_])?([a-z_]+): (.+)$`)
)

// ParseFacts reads a page. A key, a column or a heading it does not know is an
// error, so that nothing on the page goes unread.
func ParseFacts(text string) (Facts, error) {
	var f Facts
	var header []string
	for i, line := range strings.Split(text, "\n") {
		err := error(nil)
		switch m := factsHeading.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "## ") && m == nil:
			err = fmt.Errorf("a heading is not ## NAME · title")
		case m != nil && m[1] != "":
			header = nil
			f.Scenarios = append(f.Scenarios, FactsScenario{Name: m[2], Title: m[3], From: licenseStart, Until: licenseEnd,
				GrantStatus: registry.StatusActive, License: registry.StatusActive,
				Scope: map[string][]registry.Condition{}, Grants: map[string][]registry.GrantColumn{}})
		case m != nil:
			header = nil
			f.Datasets = append(f.Datasets, FactsDataset{Name: m[2], Spec: newSpec(m[3])})
		case strings.HasPrefix(line, "|---"):
		case strings.HasPrefix(line, "|") && header == nil:
			header = lastWords(cellsOf(line))
		case strings.HasPrefix(line, "|"):
			err = f.row(header, cellsOf(line))
		default:
			if m := factsLine.FindStringSubmatch(line); m != nil {
				err = f.set(m[1], m[2])
			}
		}
		if err != nil {
			return Facts{}, fmt.Errorf("querytest: facts line %d: %w", i+1, err)
		}
	}
	if f.Pack == "" || f.K == 0 || f.Threshold == 0 || len(f.Scenarios) == 0 {
		return Facts{}, fmt.Errorf("querytest: facts lack pack, k, threshold or a scenario")
	}
	return f, nil
}

const (
	licenseStart = "2026-01-01"
	licenseEnd   = "2030-12-31"
)

func newSpec(title string) registry.Dataset {
	return registry.Dataset{
		Title: title, Zone: "medical", ShareType: "CONDITIONAL", OpenType: "CONDITIONAL",
		LegalBasis: []string{"南京市公共数据授权运营管理暂行办法"}, Status: registry.StatusPublished,
		Category: registry.Category{Kind: "DEPARTMENT"}, Format: registry.FormatTable, ShareMode: "REQUEST_RESPONSE",
		ShareReason: "按应用场景申请", OpenReason: "脱敏后方可提供", UseRequirements: "仅在专区内按授权场景使用", ReviewDue: "2027-06-30",
		Source: registry.Source{Acquired: "2026-11-01", UpdateFrequency: "monthly"},
	}
}

func cellsOf(line string) []string {
	cells := strings.Split(strings.Trim(line, "| "), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func lastWords(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		words := strings.Fields(c)
		out[i] = words[len(words)-1]
	}
	return out
}

// set takes a line "key: value" of the page, its newest dataset or its newest
// scenario.
func (f *Facts) set(key, value string) error {
	if n := len(f.Scenarios); n > 0 {
		return f.Scenarios[n-1].set(key, value)
	}
	if n := len(f.Datasets); n > 0 {
		return f.Datasets[n-1].set(key, value)
	}
	var err error
	switch key {
	case "pack":
		f.Pack = value
	case "k":
		f.K, err = strconv.Atoi(value)
	case "threshold":
		f.Threshold, err = strconv.Atoi(value)
	default:
		err = fmt.Errorf("no key %q here", key)
	}
	return err
}

func (d *FactsDataset) set(key, value string) error {
	switch {
	case key == "provider":
		d.Spec.Collector, d.Spec.Auditor = value, value
		d.Spec.Provider, d.Spec.ProviderType = value, map[string]string{"public-security": "administration", "hospital-group": "authorized_body"}[value]
	case key == "personal" && (value == "yes" || value == "no"):
		d.Spec.PersonalInfo = value == "yes"
	case key == "entity":
		d.Spec.Entity = &registry.Entity{Column: value, Kind: "enterprise"}
		if d.Spec.PersonalInfo {
			d.Spec.Entity.Kind = "person"
		}
	case key == "status":
		d.Spec.Status = value
	default:
		return fmt.Errorf("no %s: %s of a dataset", key, value)
	}
	return nil
}

func (s *FactsScenario) set(key, value string) error {
	switch words := strings.Fields(value); {
	case key == "term" && len(words) == 3 && words[1] == "to":
		s.From, s.Until = words[0], words[2]
	case key == "status":
		s.GrantStatus = value
	case key == "license":
		s.License = value
	case key == "scope" && len(words) >= 3 && words[1] == "in":
		dataset, column, _ := strings.Cut(words[0], ".")
		s.Scope[dataset] = append(s.Scope[dataset], registry.Condition{Column: column, In: words[2:]})
	default:
		return fmt.Errorf("no %s: %s of a scenario", key, value)
	}
	return nil
}

// row takes a line of the newest table.
func (f *Facts) row(header, cells []string) error {
	if len(cells) > len(header) {
		return fmt.Errorf("%d cells under %d headings", len(cells), len(header))
	}
	of := map[string]string{}
	for i, h := range header {
		of[h] = ""
		if i < len(cells) {
			of[h] = cells[i]
		}
	}
	if n := len(f.Scenarios); n > 0 {
		return f.Scenarios[n-1].grant(of)
	}
	if n := len(f.Datasets); n > 0 {
		return f.Datasets[n-1].column(of)
	}
	return fmt.Errorf("a table that belongs to nothing")
}

func (d *FactsDataset) column(of map[string]string) error {
	level, err := strconv.Atoi(of["level"])
	if err != nil || of["column"] == "" || of["type"] == "" {
		return fmt.Errorf("a column without name, type or level")
	}
	cause := ""
	if level >= 3 {
		cause = "PRIVACY"
	}
	d.Spec.Columns = append(d.Spec.Columns, registry.Column{CauseCode: cause,
		Name: of["column"], Title: of["meaning"], Type: of["type"], Level: level, Class: "register", Nullable: of["nullable"] == "yes",
		PersonalInfo: d.Spec.PersonalInfo && level >= 3, PublicCodes: strings.Fields(of["codes"]),
	})
	return nil
}

var factsRecipe = regexp.MustCompile(`^MASKED (redact|token|partial|date|number|region|noise)(?:\(([a-z0-9.,]+)\))?$`)

func (s *FactsScenario) grant(of map[string]string) error {
	dataset, column, ok := strings.Cut(of["column"], ".")
	if !ok {
		return fmt.Errorf("%q is not DATASET.COLUMN", of["column"])
	}
	g := registry.GrantColumn{Name: column, Mode: of["form"], Permissions: strings.Fields(of["permissions"])}
	if m := factsRecipe.FindStringSubmatch(of["form"]); m != nil {
		g.Mode, g.Recipe = "MASKED", &registry.Recipe{Kind: m[1]}
		var err error
		switch m[1] {
		case "partial":
			_, err = fmt.Sscanf(m[2], "%d,%d", &g.Recipe.KeepFirst, &g.Recipe.KeepLast)
		case "date":
			g.Recipe.Part = m[2]
		case "number":
			g.Recipe.Width, err = strconv.ParseFloat(m[2], 64)
		case "noise":
			g.Recipe.Spread, err = strconv.ParseFloat(m[2], 64)
		case "region":
			g.Recipe.Digits, err = strconv.Atoi(m[2])
		}
		if err != nil {
			return fmt.Errorf("form %q: %w", of["form"], err)
		}
	} else if g.Mode != "CLEAR" && g.Mode != "COMPUTE_ONLY" {
		return fmt.Errorf("%q is not a form", of["form"])
	}
	if s.Grants[dataset] == nil {
		s.GrantedOrder = append(s.GrantedOrder, dataset)
	}
	s.Grants[dataset] = append(s.Grants[dataset], g)
	return nil
}

// Secrets returns the values of rows that must never show: of columns at or
// above the threshold that are no public codes, if they are long enough not to
// occur by chance.
func (f Facts) Secrets(rows map[string]Table) map[string]bool {
	out := map[string]bool{}
	for _, d := range f.Datasets {
		table, ok := rows[d.Name]
		for _, c := range d.Spec.Columns {
			if !ok || c.Level < f.Threshold || len(c.PublicCodes) > 0 || c.Type == "bool" {
				continue
			}
			for _, row := range table.Rows {
				if v := row[table.Column(c.Name)]; len(v) >= 4 {
					out[v] = true
				}
			}
		}
	}
	return out
}
