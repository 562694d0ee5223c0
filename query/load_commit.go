package query

import (
	"encoding/json"
	"fmt"
	"strings"

	"zonebox/quality"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// LoadReport tells what a load committed. It holds counts, never values.
type LoadReport struct {
	Zone     string   `json:"zone"`
	Dataset  string   `json:"dataset"`
	Version  string   `json:"version"`
	Manifest string   `json:"manifest"` // SHA-256 of the stored manifest, hex
	Rows     int64    `json:"rows"`
	Columns  int      `json:"columns"`
	Warnings []string `json:"warnings,omitempty"`

	Origin      Origin        `json:"origin"`
	Responsible []Responsible `json:"responsible"` // who answers for the zone, by stage

	Delivered int64 `json:"delivered"` // rows of the delivery
	Replaced  int64 `json:"replaced"`  // rows of the base that it has others for

	Lookalikes []Lookalike `json:"lookalikes,omitempty"`

	// Quarantined says that the version is stored and not in use: the gate of the
	// quality rules wants its provider to look first.
	Quarantined bool            `json:"quarantined,omitempty"`
	Quality     *quality.Report `json:"quality,omitempty"`

	// Already says that this delivery is the version in use: nothing was stored.
	Already bool `json:"already,omitempty"`
}

// commit makes the stored version the dataset's current one, or keeps it aside if
// the gate of its quality rules says so.
func (l *loading) commit(d *delivered) (*LoadReport, error) {
	e, m := l.engine, l.manifest
	if d.already {
		return l.confirm()
	}
	e.filling.Lock()
	defer e.filling.Unlock()
	if err := l.withinQuota(d); err != nil { // another delivery may have come first
		return nil, err
	}
	info, err := d.stored.Commit(l.ctx)
	if err != nil {
		return nil, err
	}
	look, origin, answer := lookalikes(info.Stats, l.dataset.Spec), l.origin(), l.responsible()
	meta, err := json.Marshal(loadRecord{Lookalikes: look, Manifest: m.digest(), SignedBy: origin.SignedBy, Responsible: answer})
	if err != nil {
		return nil, asError(err)
	}
	l.book.step(StepQuality)
	measured := l.check.report(info.Version, l.declared(), 0, m.Acquired)
	state := registry.DataCurrent
	if !measured.Gate.Passed {
		state = registry.DataQuarantined
	}
	l.book.step(StepCommit)
	err = e.update(l.ctx, func(tx *registry.Tx) error {
		if err := stands(tx.Overtaken(l.facts)); err != nil {
			return err
		}
		err := tx.SetVersion(registry.DataVersion{Zone: m.Zone, Dataset: m.Dataset, Version: info.Version, Manifest: info.Manifest,
			Rows: info.Rows, LoadedBy: l.facts.Subject.Name, Catalogue: l.dataset.Version, State: state, Meta: meta,
			Lineage: registry.Lineage{Delivery: m.SHA256, Provider: l.dataset.Spec.Provider, Grant: m.Grant, Acquired: m.Acquired,
				Mode: m.increments(), Base: m.Base}})
		if err != nil {
			return err
		}
		if err := e.deliveredUnder(tx, m.Grant); err != nil {
			return err
		}
		if err := l.keepDecision(tx, l.ruled); err != nil {
			return err
		}
		if err := keepReport(tx, measured, checkLoad, l.event("", nil)); err != nil {
			return err
		}
		committed := l.event("load.committed", map[string]string{"version": info.Version, "manifest": info.Manifest, "rows": fmt.Sprint(info.Rows)})
		if origin.SignedBy != "" {
			committed.Fields["signed_by"] = origin.SignedBy
		}
		committed = listed(listed(committed, "repeats", l.seen), "responsible", stages(answer))
		return tx.Emit(noted(committed, look))
	})
	if err != nil {
		return nil, documentError(err)
	}
	if state == registry.DataCurrent {
		e.evict(sandbox.Tag{Zone: m.Zone, Dataset: m.Dataset}) // of the version before
	}
	if err := e.retain(l.ctx, m.Zone, m.Dataset); err != nil {
		e.log.ErrorContext(l.ctx, "retention after a load", "dataset", m.Dataset, "cause", err) // the next load or start goes on
	}
	return &LoadReport{Zone: m.Zone, Dataset: m.Dataset, Version: info.Version, Manifest: info.Manifest, Rows: info.Rows,
		Delivered: info.Delivered, Replaced: info.Replaced, Columns: len(l.dataset.Spec.Columns), Warnings: l.warnings(info.Stats), Origin: origin, Responsible: answer, Lookalikes: look,
		Quarantined: state == registry.DataQuarantined, Quality: measured}, nil
}

// confirm answers a delivery that is the version in use.
func (l *loading) confirm() (*LoadReport, error) {
	m, now := l.manifest, l.dataset.Data
	look, err := lookalikesIn(now, l.dataset.Spec)
	if err != nil {
		return nil, err
	}
	err = l.engine.update(l.ctx, func(tx *registry.Tx) error {
		if err := stands(tx.Overtaken(l.facts)); err != nil {
			return err
		}
		if err := l.engine.deliveredUnder(tx, m.Grant); err != nil {
			return err
		}
		if err := l.keepDecision(tx, l.ruled); err != nil {
			return err
		}
		return tx.Emit(l.event("load.already", map[string]string{"version": now.Version}))
	})
	if err != nil {
		return nil, documentError(err)
	}
	return &LoadReport{Zone: m.Zone, Dataset: m.Dataset, Version: now.Version, Manifest: now.Manifest, Rows: now.Rows, Columns: len(l.dataset.Spec.Columns),
		Warnings: l.warnings(zone.Stats{}), Origin: l.origin(), Responsible: l.responsible(), Lookalikes: look, Already: true}, nil
}

// warnings names what policy tells of the delivery, and what the load profile shows
// about the recipes granted on the dataset: counts, never values.
func (l *loading) warnings(stats zone.Stats) []string {
	var out []string
	for _, r := range l.told {
		out = append(out, r.ZH+" / "+r.EN)
	}
	for _, r := range l.seen {
		scenario, _, _ := strings.Cut(r, " ")
		out = append(out, fmt.Sprintf("内容与场景 %s 已放行的结果重复,授权许可 / repeats results released to scenario %s, as the grant admits", scenario, scenario))
	}
	for _, g := range l.facts.Grants {
		if g.Spec.Dataset != l.manifest.Dataset {
			continue
		}
		for _, c := range g.Spec.Columns {
			if s, ok := stats.Column(c.Name); ok && c.Recipe != nil && c.Recipe.Kind == "token" && tooFew(s) {
				out = append(out, fmt.Sprintf("列 %s 取值过于集中,授权 %s 的令牌将被拒绝 / too few values for the token of grant %s", c.Name, g.Name, g.Name))
			}
		}
	}
	if stats.Unkeyed > 0 {
		out = append(out, fmt.Sprintf("%d 行没有主体标识,不计入最小分组 / rows without entity key", stats.Unkeyed))
	}
	return out
}
