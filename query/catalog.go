package query

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zonebox/masking"
	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
)

// engineType returns DuckDB's name of a catalogue type.
func engineType(t string) (string, error) {
	switch t {
	case "string":
		return "VARCHAR", nil
	case "int64":
		return "BIGINT", nil
	case "float64":
		return "DOUBLE", nil
	case "bool":
		return "BOOLEAN", nil
	case "date":
		return "DATE", nil
	case "timestamp":
		return "TIMESTAMP", nil
	}
	if rest, ok := strings.CutPrefix(t, "decimal("); ok {
		return "DECIMAL(" + rest, nil
	}
	return "", fmt.Errorf("query: catalogue type %q is not known", t)
}

func recipeOf(r *registry.Recipe) *masking.Recipe {
	if r == nil {
		return nil
	}
	return &masking.Recipe{Kind: r.Kind, KeepFirst: r.KeepFirst, KeepLast: r.KeepLast, Part: r.Part, Width: r.Width, Digits: r.Digits,
		Text: r.Text, Pattern: r.Pattern, Field: r.Field, Values: r.Values, Days: r.Days, Spread: r.Spread, Length: r.Length, Alphabet: r.Alphabet, Domain: r.Domain}
}

// catalog is what one run may see of its zone: the tables as the analysis
// knows them, and the grant behind each.
type catalog struct {
	analysis.Catalog
	grants   map[string]registry.GrantFacts   // by dataset
	datasets map[string]registry.DatasetFacts // by name
}

// newCatalog builds the catalogue of one run from its facts. Every published
// dataset of the zone is named, so that a refusal can name the smallest grant
// that would do; only granted columns are marked as such.
//
// Two grants of one dataset in one scenario would mix row scopes, which no
// projection can honor: they are refused.
func newCatalog(f registry.Facts, pack policy.Pack, now time.Time) (*catalog, error) {
	c := &catalog{grants: map[string]registry.GrantFacts{}, datasets: map[string]registry.DatasetFacts{}}
	for _, g := range f.Grants {
		if !inForce(g.Spec.From, g.Spec.Until, pack, now) {
			continue
		}
		if _, twice := c.grants[g.Spec.Dataset]; twice {
			return nil, denied([]Detail{{Code: "GRANTS_OVERLAP", Articles: []string{"NJ24-13"},
				ZH:     "场景对数据集 " + g.Spec.Dataset + " 有两份有效授权,行范围无法确定",
				EN:     "the scenario holds two grants of dataset " + g.Spec.Dataset + ", so that its rows are not determined",
				HintZH: "由专区监管部门撤销其中一份", HintEN: "have one of them revoked"}})
		}
		c.grants[g.Spec.Dataset] = g
	}
	for _, d := range f.Datasets {
		grant, granted := c.grants[d.Name]
		if d.Spec.Status != registry.StatusPublished || (d.Spec.Zone != f.Zone.Name && !granted) {
			continue
		}
		t, err := newTable(d, grant.Spec, pack)
		if err != nil {
			return nil, err
		}
		c.datasets[d.Name] = d
		c.Tables = append(c.Tables, t)
	}
	return c, nil
}

func newTable(d registry.DatasetFacts, grant registry.Grant, pack policy.Pack) (analysis.Table, error) {
	t := analysis.Table{Name: d.Name, Personal: d.Spec.PersonalInfo, K: pack.MinGroup}
	if d.Spec.Entity != nil {
		t.Entity = d.Spec.Entity.Column
	}
	for _, col := range d.Spec.Columns {
		engine, err := engineType(col.Type)
		if err != nil {
			return t, err
		}
		out := analysis.Column{Name: col.Name, Type: engine, Level: col.Level, PublicCodes: len(col.PublicCodes) > 0, Nullable: col.Nullable}
		for _, g := range grant.Columns {
			if g.Name != col.Name {
				continue
			}
			out.Granted, out.Mode, out.Permissions = true, analysis.Mode(g.Mode), g.Permissions
			if r := recipeOf(g.Recipe); r != nil {
				delivered, err := r.OutputType(col.Type)
				if err != nil {
					return t, fmt.Errorf("query: grant on %s.%s: %w", d.Name, col.Name, err)
				}
				if out.Type, err = engineType(delivered); err != nil {
					return t, err
				}
				out.Recipe, out.Token = r.String(), r.Kind == "token"
				out.Nullable = out.Nullable || r.Typed()
			}
		}
		t.Columns = append(t.Columns, out)
	}
	return t, nil
}

// delivered returns the catalogue type of the values that the grant gives of a
// column, "" if it gives none.
func (c *catalog) delivered(table, column string) string {
	g, given := granted(c.grants[table].Spec, column)
	col, known := columnOf(c.datasets[table].Spec, column)
	if !given || !known {
		return ""
	}
	r := recipeOf(g.Recipe)
	if r == nil {
		return col.Type
	}
	t, err := r.OutputType(col.Type)
	if err != nil {
		return ""
	}
	return t
}

// columnOf returns what a catalogue entry says of a column, and whether it has it.
func columnOf(d registry.Dataset, column string) (registry.Column, bool) {
	i := slices.IndexFunc(d.Columns, func(c registry.Column) bool { return c.Name == column })
	if i < 0 {
		return registry.Column{}, false
	}
	return d.Columns[i], true
}

// granted returns how a grant gives a column, and whether it does.
func granted(g registry.Grant, column string) (registry.GrantColumn, bool) {
	i := slices.IndexFunc(g.Columns, func(c registry.GrantColumn) bool { return c.Name == column })
	if i < 0 {
		return registry.GrantColumn{}, false
	}
	return g.Columns[i], true
}

// inForce reports whether now lies within the civil days from and until, both
// included, on the pack's clock.
func inForce(from, until string, pack policy.Pack, now time.Time) bool {
	day := now.UTC().Add(time.Duration(pack.UTCOffsetMinutes) * time.Minute).Format(time.DateOnly)
	return from <= day && day <= until
}

// level returns the highest level of the columns.
func (c *catalog) level(columns []analysis.Ref) int {
	highest := 0
	for _, ref := range columns {
		col, _ := columnOf(c.datasets[ref.Table].Spec, ref.Column)
		highest = max(highest, col.Level)
	}
	return highest
}
