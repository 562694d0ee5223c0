package query

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"zonebox/query/analysis"
	"zonebox/registry"
)

// GrantView is what a grant would have to give beyond what it gives: of one
// dataset each column in the whole form it would have.
type GrantView struct {
	Dataset string            `json:"dataset"`
	Grant   string            `json:"grant,omitempty"` // that gives the scenario other columns of it
	Columns []GrantColumnView `json:"columns"`
}

// GrantColumnView is the form in which a column would be given.
type GrantColumnView struct {
	Name        string   `json:"name"`
	Mode        string   `json:"mode"`
	Recipe      string   `json:"recipe,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
}

// wishRounds bounds how often the statement is judged under grants that are not
// there: each may show that one more permission is needed.
const wishRounds = 8

// grantable are the permissions that a grant can give.
var grantable = []string{"joinkey", "groupkey", "agg:sum", "agg:avg", "agg:count", "cmp_lit:=", "cmp_lit:<", "cmp_lit:in", "cmp_col", "order"}

// wish is a set of columns asked for, by dataset and name.
type wish map[string]map[string]registry.GrantColumn

// wishes returns the least grants under which the statement passes the analysis,
// nil if grants alone do not help. Of a column it asks to compute with it before
// it asks for a masked form, and for a form that leaves it as it is only below
// the threshold. What may not be granted at all it does not ask for.
func (r *run) wishes() wish {
	if r.found.tree == nil {
		return nil
	}
	asked := wish{}
	for range wishRounds {
		cat, err := r.granting(asked)
		if err != nil {
			return nil
		}
		_, err = analysis.Analyze(r.request.SQL, r.found.tree, cat, analysis.Options{Threshold: r.pack.LevelThreshold, Parameters: r.parameterTypes()})
		if err == nil {
			return asked.filled()
		}
		var refusal *analysis.Refusal
		if !errors.As(err, &refusal) {
			return nil
		}
		more := false
		for _, f := range refusal.Faults {
			if f.Want == nil {
				return nil
			}
			more = r.ask(asked, *f.Want) || more
		}
		if !more {
			return nil
		}
	}
	return nil
}

// ask adds to what is asked what lifts a fault, and reports whether there is
// anything more to ask for.
func (r *run) ask(asked wish, w analysis.Want) bool {
	d := r.catalog.datasets[w.Table]
	col, ok := columnOf(d.Spec, w.Column)
	if !ok || !r.mayBeGranted(d.Spec, d.Name) {
		return false
	}
	now, has := asked[w.Table][w.Column]
	if !has {
		now, has = granted(r.catalog.grants[w.Table].Spec, w.Column)
	}
	key := d.Spec.Entity != nil && d.Spec.Entity.Column == col.Name
	switch {
	case col.SecretFlag:
		return false
	case !has && col.Level >= 1 && col.Level < r.pack.LevelThreshold:
		now = registry.GrantColumn{Name: col.Name, Mode: string(analysis.Clear)}
	case !has && key:
		now = registry.GrantColumn{Name: col.Name, Mode: string(analysis.Masked), Recipe: &registry.Recipe{Kind: "token"}}
	case !has:
		now = registry.GrantColumn{Name: col.Name, Mode: string(analysis.ComputeOnly)}
	case now.Mode != string(analysis.ComputeOnly):
		return false
	case len(w.Permissions) == 0:
		now = registry.GrantColumn{Name: col.Name, Mode: string(analysis.Masked), Recipe: recipeFor(col)}
	default:
		all := slices.Clone(now.Permissions)
		for _, p := range w.Permissions {
			if slices.Contains(grantable, p) && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
		if len(all) == len(now.Permissions) {
			return false
		}
		now.Permissions = all
	}
	if asked[w.Table] == nil {
		asked[w.Table] = map[string]registry.GrantColumn{}
	}
	asked[w.Table][w.Column] = now
	return true
}

// filled gives columns that only have to be there the least permission there is:
// a grant to compute with a column names one.
func (w wish) filled() wish {
	for _, columns := range w {
		for name, c := range columns {
			if c.Mode == string(analysis.ComputeOnly) && len(c.Permissions) == 0 {
				c.Permissions = []string{"agg:count"}
				columns[name] = c
			}
		}
	}
	return w
}

// mayBeGranted reports whether the license may get a grant of the dataset at
// all: it lies in the agreed scope and is of a kind that is shared and opened.
func (r *run) mayBeGranted(d registry.Dataset, name string) bool {
	var scope registry.Scope
	if raw := r.facts.License.Spec.Sections["scope"]; json.Unmarshal(raw, &scope) == nil && len(scope.Datasets) > 0 && !slices.Contains(scope.Datasets, name) {
		return false
	}
	return !d.SecretFlag && r.pack.Opens(d.OpenType) && r.pack.Shares(d.ShareType)
}

// recipeFor proposes a mask for a column: the regulator settles it.
func recipeFor(c registry.Column) *registry.Recipe {
	for _, r := range []registry.Recipe{
		{Kind: "date", Part: "year"},
		{Kind: "number", Width: 1000},
		{Kind: "partial", KeepFirst: 1},
	} {
		if recipeOf(&r).Validate(c.Type) == nil {
			return &r
		}
	}
	return &registry.Recipe{Kind: "redact"}
}

// granting is the run's catalogue as it would be if what is asked were granted.
func (r *run) granting(asked wish) (analysis.Catalog, error) {
	var out analysis.Catalog
	for _, t := range r.catalog.Tables {
		grant := r.catalog.grants[t.Name].Spec
		grant.Columns = slices.DeleteFunc(slices.Clone(grant.Columns), func(c registry.GrantColumn) bool {
			_, replaced := asked[t.Name][c.Name]
			return replaced
		})
		for _, name := range slices.Sorted(maps.Keys(asked[t.Name])) {
			grant.Columns = append(grant.Columns, asked[t.Name][name])
		}
		table, err := newTable(r.catalog.datasets[t.Name], grant, r.pack)
		if err != nil {
			return out, err
		}
		out.Tables = append(out.Tables, table)
	}
	return out, nil
}

// dataRequest draws up the data request that asks for a wish. Equal statements under
// equal facts give equal requests. Its shape is checked as that of a document
// somebody files is.
func (r *run) dataRequest(asked wish) (*registry.Document, error) {
	sql := sha256.Sum256([]byte(r.request.SQL))
	spec := registry.DataRequest{
		Scenario: r.request.Scenario, PurposeCode: r.facts.Scenario.Spec.PurposeCode, Statement: hex.EncodeToString(sql[:]),
		From:  max(r.facts.Scenario.Spec.Period.From, r.facts.License.Spec.Start),
		Until: min(r.facts.Scenario.Spec.Period.Until, r.facts.License.Spec.End), Access: "REQUEST_RESPONSE", Status: registry.StatusDraft,
	}
	for _, dataset := range slices.Sorted(maps.Keys(asked)) {
		d := registry.RequestedDataset{Dataset: dataset, Grant: r.catalog.grants[dataset].Name}
		for _, name := range slices.Sorted(maps.Keys(asked[dataset])) {
			d.Columns = append(d.Columns, asked[dataset][name])
		}
		spec.Datasets = append(spec.Datasets, d)
	}
	body, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("query: draw up a data request: %w", err)
	}
	sum := sha256.Sum256(body)
	name := r.request.Scenario
	doc := registry.Document{Kind: registry.KindRequest, Name: name[:min(len(name), 50)] + "-" + hex.EncodeToString(sum[:6]), Spec: body}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("query: draw up a data request: %w", err)
	}
	if _, err := registry.Decode(bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("query: draw up a data request: %w", err)
	}
	return &doc, nil
}

// grantViews are a wish as people read it.
func (r *run) grantViews(asked wish) []GrantView {
	var out []GrantView
	for _, dataset := range slices.Sorted(maps.Keys(asked)) {
		v := GrantView{Dataset: dataset, Grant: r.catalog.grants[dataset].Name}
		for _, name := range slices.Sorted(maps.Keys(asked[dataset])) {
			c := asked[dataset][name]
			col := GrantColumnView{Name: c.Name, Mode: c.Mode, Permissions: c.Permissions}
			if recipe := recipeOf(c.Recipe); recipe != nil {
				col.Recipe = recipe.String()
			}
			v.Columns = append(v.Columns, col)
		}
		out = append(out, v)
	}
	return out
}
