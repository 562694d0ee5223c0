package registry

import (
	"context"
	"fmt"
	"slices"
)

// sourceRuling checks the city authority's word on a source: its signature, and
// that it names a collector and one of its own datasets.
func (c *change) sourceRuling() {
	now, before := specs[SourceRuling](c)
	if before != nil {
		c.fixed("/spec/element", before.Element, now.Element)
	}
	c.needSignatures(CodeSignature, "NJ19-17", []party{{RoleCityAuthority, ""}})
	ref[Organization](c, KindOrganization, now.Collector, "/spec/collector")
	if now.Authoritative != "" && !slices.Contains(now.Datasets, now.Authoritative) {
		c.fault(CodeReference, "/spec/authoritative", "NJ19-19", say("must be one of the datasets", "须为所列数据集之一"))
	}
}

// oneSource refuses a second authoritative source of a data element unless the city
// authority ruled that it is the one (NJ19-19).
func (c *change) oneSource(d Dataset) {
	if c.err != nil || d.Status != StatusPublished || !slices.ContainsFunc(d.Columns, func(col Column) bool { return col.Authoritative }) {
		return
	}
	sources, err := c.tx.r.sources(c.tx.ctx, c.tx.sql)
	if err != nil {
		c.err = err
		return
	}
	rulings, err := rulings(c.tx.ctx, c.tx.r, c.tx.sql)
	if err != nil {
		c.err = err
		return
	}
	for i, col := range d.Columns {
		others := slices.DeleteFunc(slices.Clone(sources[col.Element]), func(name string) bool { return name == c.doc.Name })
		if !col.Authoritative || len(others) == 0 {
			continue
		}
		ruled := slices.ContainsFunc(rulings, func(r Versioned[SourceRuling]) bool {
			return r.Spec.Element == col.Element && r.Spec.Authoritative == c.doc.Name
		})
		if !ruled {
			c.fault(CodeScope, fmt.Sprintf("/spec/columns/%d/authoritative", i), "NJ19-19",
				say("column %s: %s is the source of data element %s; have the city authority rule (SourceRuling) which of the two is",
					"列 %s:数据元 %[3]s 已有权威来源 %[2]s;请市数据主管部门以 SourceRuling 认定", col.Name, others[0], col.Element))
		}
	}
}

// sources returns the published datasets that say they are the source of each
// data element.
func (r *Registry) sources(ctx context.Context, q querier) (map[string][]string, error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND `+newest+` ORDER BY name`, KindDataset)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, s := range rows {
		d, err := SpecOf[Dataset](s.Document)
		if err != nil {
			return nil, err
		}
		for _, col := range d.Columns {
			if d.Status == StatusPublished && col.Authoritative && !slices.Contains(all[col.Element], s.Name) {
				all[col.Element] = append(all[col.Element], s.Name)
			}
		}
	}
	return all, nil
}

func rulings(ctx context.Context, r *Registry, q querier) ([]Versioned[SourceRuling], error) {
	rows, err := r.documents(ctx, q, `WHERE kind = ? AND `+newest+` ORDER BY name`, KindSourceRuling)
	if err != nil {
		return nil, err
	}
	var all []Versioned[SourceRuling]
	for _, s := range rows {
		v, err := decoded[SourceRuling](s)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Rulings returns the rulings in force, by name.
func (tx *Tx) Rulings() ([]Versioned[SourceRuling], error) { return rulings(tx.ctx, tx.r, tx.sql) }
