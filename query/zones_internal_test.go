package query

import (
	"slices"
	"testing"

	"zonebox/registry"
)

// The least and greatest value of a column are those of one row. They are told of
// columns that nothing protects, of datasets that nothing does.
func TestNoValueOfAProtectedDatasetIsTold(t *testing.T) {
	plain := registry.Column{Name: "beds", Type: "int64", Level: 1}
	for name, c := range map[string]struct {
		of   registry.Dataset
		want []string
	}{
		"open data":            {registry.Dataset{Columns: []registry.Column{plain}}, []string{"beds"}},
		"personal information": {registry.Dataset{PersonalInfo: true, Columns: []registry.Column{plain}}, nil},
		"a protected column":   {registry.Dataset{Columns: []registry.Column{plain, {Name: "cost", Level: 3}}}, nil},
		"a personal column":    {registry.Dataset{Columns: []registry.Column{plain, {Name: "who", Level: 1, PersonalInfo: true}}}, []string{"beds"}},
		"a secret column":      {registry.Dataset{Columns: []registry.Column{plain, {Name: "who", Level: 1, SecretFlag: true}}}, []string{"beds"}},
		"no level":             {registry.Dataset{Columns: []registry.Column{plain, {Name: "who"}}}, []string{"beds"}},
		"the entity":           {registry.Dataset{Columns: []registry.Column{plain, {Name: "uscc", Level: 1}}, Entity: &registry.Entity{Column: "uscc"}}, []string{"beds"}},
	} {
		if got := tellable(c.of, 3); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
