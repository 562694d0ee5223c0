package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// request checks a data request (NJ24-15): people of the scenario's operator
// draw it up, change it and file it, then with a signature under the
// commitments; once filed it stays as it is. It names what its zone has
// published, and lies within scenario and license. It grants nothing: no
// decision reads it.
func (c *change) request() {
	now, before := specs[DataRequest](c)
	c.parent = now.Scenario
	scenario, lic, ok := c.scenarioOf(now.Scenario)
	if !ok {
		return
	}
	operator := party{RoleOperator, lic.Operator}
	if !operator.admits(c.actor) { // whose scenario it is, and that there is one, is not theirs to know
		c.missing(KindScenario, now.Scenario, "/spec/scenario")
		return
	}
	if before != nil {
		c.fixed("/spec/scenario", before.Scenario, now.Scenario)
		if before.Status == StatusSubmitted {
			c.fault(CodeImmutable, "/spec/status", "NJ24-15", say("a filed request never changes; draw up a new one", "已提交的数据申请不得变更,请另行申请"))
		}
	}
	c.during(now.From, now.Until, now.Scenario, scenario, lic)
	if now.PurposeCode != scenario.PurposeCode {
		c.fault(CodeScope, "/spec/purpose_code", "NJ24-13", say("is not the purpose of scenario %s", "与场景 %s 的用途代码不符", now.Scenario))
	}
	seen := make(map[string]bool)
	for i, d := range now.Datasets {
		path := fmt.Sprintf("/spec/datasets/%d", i)
		if seen[d.Dataset] {
			c.fault(CodeSchema, path+"/dataset", "NJ24-15", say("dataset %s stands twice", "数据集 %s 重复", d.Dataset))
		}
		seen[d.Dataset] = true
		c.requested(now, scenario, lic, d, path)
	}
	if now.Status == StatusSubmitted {
		c.needSignatures(CodeSignature, "YC22-19", []party{operator})
	}
}

// requested checks what is asked of one dataset; where the request is filed, also
// that it could be granted at all. What the zone has not published is told from what
// is not there by no text.
func (c *change) requested(request DataRequest, s Scenario, lic License, r RequestedDataset, path string) {
	if c.err != nil {
		return
	}
	data, err := load[Dataset](c.tx.ctx, c.tx.r, c.tx.sql, KindDataset, r.Dataset)
	if err != nil && !errors.Is(err, ErrNotFound) {
		c.err = err
		return
	}
	supplied := false
	if err == nil && data.Spec.Zone != lic.Zone {
		all, err := c.suppliesTo(lic.Zone, r.Dataset)
		if err != nil {
			return
		}
		supplied = len(all) > 0
	}
	if err != nil || data.Spec.Zone != lic.Zone && !supplied || data.Spec.Status != StatusPublished {
		c.fault(CodeReference, path+"/dataset", "NJ24-15", say("zone %s has published no dataset %s", "专区 %s 未发布名为 %s 的数据集", lic.Zone, r.Dataset))
		return
	}
	c.columnsOf(r.Dataset, r.Columns, data.Spec, path+"/columns")
	if request.Status == StatusSubmitted {
		c.grantable(Grant{Scenario: request.Scenario, Dataset: r.Dataset, Basis: r.Basis, Columns: r.Columns, From: request.From, Until: request.Until}, s, lic, data.Spec, path)
	}
	if r.Grant == "" {
		return
	}
	if r.Basis != "" || len(r.LegalBasis) > 0 {
		c.fault(CodeScope, path+"/grant", "NJ24-16", say("grant %s has its basis already; ask for a new grant to use another", "授权 %s 已有依据;另有依据的须申请新的授权", r.Grant))
	}
	g, err := load[Grant](c.tx.ctx, c.tx.r, c.tx.sql, KindGrant, r.Grant)
	if err != nil && !errors.Is(err, ErrNotFound) {
		c.err = err
		return
	}
	if err != nil || g.Spec.Scenario != request.Scenario || g.Spec.Dataset != r.Dataset {
		c.fault(CodeReference, path+"/grant", "NJ24-15", say("scenario %s has no grant %s of it", "场景 %s 没有该数据集的授权 %s", request.Scenario, r.Grant))
	}
}

// grantable faults what no grant may open: what must not be opened, what is on a
// negative list, what lies outside the license. at is where the dataset stands.
func (c *change) grantable(g Grant, s Scenario, lic License, d Dataset, at string) {
	before := len(c.faults)
	c.grantScope(g, s, lic, d)
	c.unlisted(g, d)
	for i := range c.faults[before:] {
		f := &c.faults[before+i]
		f.Path = at + strings.TrimPrefix(f.Path, "/spec")
	}
}

// columnsOf faults columns that the dataset does not have, that stand twice, or
// that are masked by an entity of which the dataset names none. at is where their
// list stands.
func (c *change) columnsOf(dataset string, columns []GrantColumn, d Dataset, at string) {
	seen := make(map[string]bool)
	for i, col := range columns {
		path := fmt.Sprintf("%s/%d/name", at, i)
		if !d.has(col.Name) {
			c.fault(CodeScope, path, "NJ24-13", say("dataset %s has no column %s", "数据集 %s 没有列 %s", dataset, col.Name))
		}
		if seen[strings.ToLower(col.Name)] {
			c.fault(CodeSchema, path, "NJ24-14", say("column %s stands twice", "列 %s 重复", col.Name))
		}
		seen[strings.ToLower(col.Name)] = true
		if col.Recipe.perEntity() && d.Entity == nil {
			c.fault(CodeScope, fmt.Sprintf("%s/%d/recipe/kind", at, i), "NJ24-14",
				say("column %s: %s goes by whom a row is about, which dataset %s does not say; have its provider declare the entity, or name another recipe",
					"列 %s:%s 须按主体计算,而数据集 %s 未声明主体标识列;请提供单位补充 entity,或改用其他方式", col.Name, col.Recipe.Kind, dataset))
		}
	}
}

func (d Dataset) has(column string) bool {
	return slices.ContainsFunc(d.Columns, func(c Column) bool { return c.Name == column })
}
