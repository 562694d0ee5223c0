package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zonebox/registry"
	"zonebox/workflow"
)

// States of outputs that may still be released, or are kept though they are not; of
// those that have ended, whose keys are destroyed right after; and of those that have left.
var (
	waitingOutputs = []workflow.State{workflow.Held, workflow.Checked, workflow.Reviewing, workflow.ReviewingFirst, workflow.ReviewingSecond,
		workflow.Approved, workflow.Frozen}
	endedOutputs    = []workflow.State{workflow.Blocked, workflow.Coarsened}
	releasedOutputs = []workflow.State{workflow.Released, workflow.Downloaded, workflow.Recalled}
)

// endOutputs withdraws the outputs that wait and were made of what is shredded, whose
// keys end with it, those too that have ended and are still on disk, and notes those that have left: nobody calls them back, and the
// certificate says so. Nothing reads the data any more, so that no other is made. An
// output of which nothing says what it was made of is taken for one.
func (e *Engine) endOutputs(ctx context.Context, sh *registry.Shred) error {
	if sh.Kind == registry.ShredWorkspace { // switchWorkspace has done it
		return nil
	}
	made, err := e.madeOf(ctx, *sh)
	if err != nil {
		return err
	}
	waiting, err := e.queue(ctx, workflow.OutputRelease, slices.Concat(waitingOutputs, endedOutputs)...)
	if err != nil {
		return err
	}
	gone, err := e.queue(ctx, workflow.OutputRelease, releasedOutputs...)
	if err != nil {
		return err
	}
	next := *sh
	next.Outputs = &registry.ShredOutputs{Withdrawn: slices.Clone(sh.Withdrawn())}
	for _, in := range gone {
		reached, known, err := made.reach(ctx, in.ID)
		switch {
		case err != nil:
			return err
		case !known && reached:
			next.Outputs.Unknown = append(next.Outputs.Unknown, in.ID)
		case reached:
			next.Outputs.Released = append(next.Outputs.Released, in.ID)
		}
	}
	var ending []string
	for _, in := range waiting {
		if slices.Contains(endedOutputs, in.State) && !e.kept(in.ID) {
			continue
		}
		reached, _, err := made.reach(ctx, in.ID)
		if err != nil {
			return err
		}
		if reached {
			ending = append(ending, in.ID)
		}
	}
	next.Outputs.Withdrawn = append(next.Outputs.Withdrawn, ending...)
	err = e.update(ctx, func(tx *registry.Tx) error {
		for _, id := range ending {
			if err := withdrawOutput(tx, next, id); err != nil {
				return err
			}
		}
		return tx.PutShred(next)
	})
	if err == nil {
		*sh = next
	}
	return err
}

// withdrawOutput ends the course of an output that waits, and has the log say why.
func withdrawOutput(tx *registry.Tx, sh registry.Shred, id string) error {
	if _, err := workflow.Do(tx.Context(), tx.SQL(), workflow.OutputRelease, id, "destroy", gate, tx.Now(), workflow.Note{Code: sh.ID}); err != nil {
		return courseError(err)
	}
	if err := tx.SettleLedger(id, registry.LedgerVoid); err != nil {
		return err
	}
	return tx.Emit(registry.Event{Kind: "output.withdrawn", Actor: sh.ConfirmedBy, Zone: sh.Zone, Run: id,
		Fields: map[string]string{"shred": sh.ID, "org": sh.ConfirmedOrg}})
}

// madeOf tells which outputs were made of what a shred takes.
type madeOf struct {
	engine   *Engine
	shred    registry.Shred
	versions map[string]bool // of a shred of a version: those that have rows of it
}

func (e *Engine) madeOf(ctx context.Context, sh registry.Shred) (*madeOf, error) {
	m := &madeOf{engine: e, shred: sh, versions: map[string]bool{sh.Version: true}}
	if sh.Kind != registry.ShredVersion {
		return m, nil
	}
	all, err := e.registry.DataVersions(ctx, sh.Zone, sh.Dataset)
	if err != nil {
		return nil, err
	}
	for _, v := range all { // loaded in this order
		if m.versions[v.Lineage.Base] {
			m.versions[v.Version] = true
		}
	}
	return m, nil
}

// reach reports whether the output of a run was made of what is shredded. Where
// nothing says so any more, it is said to be, and not known.
func (m *madeOf) reach(ctx context.Context, run string) (reached, known bool, err error) {
	old, err := m.engine.registry.LoadRun(ctx, run)
	if err != nil {
		return false, false, err
	}
	if old.Zone != m.shred.Zone {
		if reads, err := m.engine.readsZone(ctx, m.shred.Zone, old); err != nil || !reads {
			return false, true, err
		}
	}
	if old.Shredded {
		return true, false, nil
	}
	var rec record
	if err := json.Unmarshal(old.Decision, &rec); err != nil {
		return false, false, fmt.Errorf("query: stored decision of %s: %w", run, err)
	}
	if rec.Proof == nil || rec.Query == nil {
		return true, false, nil
	}
	for _, read := range rec.Proof.Data {
		name, version, _ := strings.Cut(read, " ")
		switch m.shred.Kind {
		case registry.ShredZone: // of its own zone, or readsZone has said so
			return true, true, nil
		case registry.ShredDataset:
			reached = name == m.shred.Dataset
		case registry.ShredVersion:
			reached = name == m.shred.Dataset && m.versions[version]
		case registry.ShredColumn:
			reached = name == m.shred.Dataset
			if reached {
				reached, err = m.engine.usedColumn(ctx, &rec, name, m.shred.Column)
			}
		}
		if reached || err != nil {
			return reached, true, err
		}
	}
	return false, true, nil
}

// usedColumn reports whether a run that read a dataset read a column of it, or rows
// that a grant chose by that column.
func (e *Engine) usedColumn(ctx context.Context, rec *record, dataset, column string) (bool, error) {
	if slices.Contains(rec.Query.ColumnsRead, dataset+"."+column) {
		return true, nil
	}
	for _, text := range rec.Proof.Documents {
		ref := strings.Fields(text) // kind, name and version
		if len(ref) == 0 || ref[0] != registry.KindGrant {
			continue
		}
		version, err := strconv.ParseInt(ref[len(ref)-1], 10, 64)
		if err != nil || len(ref) != 3 {
			return true, nil // it says nothing, and is taken to say this
		}
		doc, _, err := e.registry.GetVersion(ctx, registry.KindGrant, ref[1], version)
		if err != nil {
			return false, err
		}
		g, err := registry.SpecOf[registry.Grant](doc)
		if err != nil {
			return false, err
		}
		if g.Dataset == dataset && slices.ContainsFunc(g.Scope, func(c registry.Condition) bool { return c.Column == column }) {
			return true, nil
		}
	}
	return false, nil
}
