package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"zonebox/registry"
	"zonebox/workflow"
)

// ErrRollback says that the registry and the audit log of a domain are not of
// one time: one of them was restored from an older copy.
var ErrRollback = errors.New("registry and audit log are not of one time")

// recover brings a domain to rest after whatever ended the last process: it
// refuses a registry older than its log and a log shorter than its registry,
// logs what was committed and not logged, refuses a registry whose newest
// documents and data are not the newest the log knows, closes open intents, destroys the
// holds of outputs that have ended, and removes data no version names.
func (e *Engine) recover(ctx context.Context) error {
	revision, err := e.registry.Revision(ctx)
	if err != nil {
		return err
	}
	logged, err := e.registry.Logged(ctx)
	if err != nil {
		return err
	}
	if last := e.audit.LastRevision(); revision < last {
		return fmt.Errorf("query: open domain: %w: the registry is at revision %d, its log at %d; restore the newest registry", ErrRollback, revision, last)
	}
	if size := e.audit.Size(); size < logged {
		return fmt.Errorf("query: open domain: %w: the log has %d entries, the registry saw %d; restore the newest log", ErrRollback, size, logged)
	}
	order, err := e.restored(ctx)
	if err != nil {
		return err
	}
	if order == nil {
		if err := e.compareLog(); err != nil {
			return err
		}
	}
	if err := e.flush(ctx); err != nil {
		return err
	}
	if err := e.compare(ctx); err != nil {
		return err
	}
	if err := e.compareKeys(ctx); err != nil {
		return err
	}
	if order != nil {
		if err := e.takeUp(ctx, order); err != nil {
			return err
		}
	}
	if err := e.registry.SealRuns(ctx); err != nil {
		return err
	}
	if err := e.resumeShreds(ctx); err != nil {
		return err
	}
	if err := e.abandon(ctx); err != nil {
		return err
	}
	if err := e.sweepOutputs(ctx); err != nil {
		return err
	}
	if err := e.sweepLedger(ctx); err != nil {
		return err
	}
	if err := e.blockFrozen(ctx); err != nil {
		return err
	}
	if err := e.retainAll(ctx); err != nil {
		return err
	}
	if err := e.sweepData(ctx); err != nil {
		return err
	}
	if err := e.sweepBackups(); err != nil {
		return err
	}
	if err := e.ExpireDue(ctx); err != nil {
		return err
	}
	e.whole = true
	return e.remember(ctx)
}

// compare refuses a registry from which rows were taken: its rows are sealed one
// by one, so that nothing in the file itself shows that one is missing. The log
// does: it has an entry for every version of every document and for everything
// that happened to data.
func (e *Engine) compare(ctx context.Context) error {
	now, watch := e.cfg.Now(), e.watch()
	watch.again = true
	alerts := map[string]bool{}
	documents, data, epoch := map[string]string{}, map[dataEvent]int{}, int64(0)
	pending := map[string]bool{}
	remembered := map[string]string{}
	rules := map[string]string{}
	for entry, err := range e.audit.Entries(ctx, 0, e.audit.Size()) {
		if err != nil {
			return err
		}
		if err := watch.recount(ctx, entry, now); err != nil {
			return err
		}
		switch entry.Kind {
		case "apply":
			documents[entry.Fields["kind"]+" "+entry.Fields["name"]] = entry.Fields["version"]
			n, err := strconv.ParseInt(entry.Fields["epoch"], 10, 64)
			if err != nil {
				return fmt.Errorf("query: open domain: audit entry %d has no epoch", entry.Seq)
			}
			epoch = max(epoch, n)
		case kindRaised:
			alerts[entry.Fields["alert"]] = true
		case "document.pending":
			pending[entry.Fields["batch"]] = true
		case "document.effective", "document.withdrawn", "document.lapsed":
			delete(pending, entry.Fields["batch"])
		case "query.done":
			if digest := entry.Fields[fieldLedger]; digest != "" {
				remembered[entry.Run] = digest
			}
		case "policy.confirmed":
			rules[entry.Fields["step"]] = entry.Fields["order"] + " " + entry.Fields["digest"]
		case "load.committed":
			data[dataEvent{entry.Zone, entry.Fields["dataset"], entry.Fields["version"], "loaded", entry.Fields["manifest"]}]++
		default:
			kind, ok := strings.CutPrefix(entry.Kind, "data.")
			if !ok {
				continue
			}
			n, err := strconv.ParseInt(entry.Fields["epoch"], 10, 64)
			if err != nil {
				return fmt.Errorf("query: open domain: audit entry %d has no epoch", entry.Seq)
			}
			epoch = max(epoch, n)
			data[dataEvent{entry.Zone, entry.Fields["dataset"], entry.Fields["version"], kind, entry.Fields["manifest"]}]++
		}
	}
	differs := func(what, logged, found string) error {
		return fmt.Errorf("query: open domain: %w: %s is at %q, its log at %q; restore the newest registry", ErrRollback, what, found, logged)
	}
	if now, err := e.registry.Epoch(ctx); err != nil {
		return err
	} else if now < epoch {
		return differs("the revocation epoch", strconv.FormatInt(epoch, 10), strconv.FormatInt(now, 10))
	}
	metas, err := e.registry.List(ctx, "")
	if err != nil {
		return err
	}
	for _, m := range metas {
		name, version := m.Kind+" "+m.Name, strconv.FormatInt(m.Version, 10)
		if documents[name] != version {
			return differs(name, documents[name], version)
		}
		delete(documents, name)
	}
	for name, logged := range documents {
		return differs(name, logged, "")
	}
	waiting, err := e.registry.PendingDocuments(ctx, false)
	if err != nil {
		return err
	}
	waits := map[string]bool{}
	for _, p := range waiting {
		if waits[p.Batch] = true; !pending[p.Batch] {
			return differs("pending documents", "", p.Batch)
		}
	}
	for batch := range pending {
		if !waits[batch] {
			return differs("pending documents", batch, "")
		}
	}
	found, err := e.registry.AlertIDs(ctx)
	if err != nil {
		return err
	}
	for id := range alerts {
		if !found[id] {
			return differs("alerts", id, "")
		}
	}
	for id := range found {
		if !alerts[id] {
			return differs("alerts", "", id)
		}
	}
	if err := e.compareRules(rules); err != nil {
		return err
	}
	entries, err := e.registry.LedgerEntries(ctx, "", "")
	if err != nil {
		return err
	}
	shown := map[string][]registry.LedgerEntry{}
	for _, entry := range entries {
		shown[entry.Run] = append(shown[entry.Run], entry)
	}
	for run, digest := range remembered {
		if found := ledgerDigest(shown[run]); found != digest {
			return differs("the ledger of "+run, digest, found)
		}
	}
	history, err := e.registry.DataHistory(ctx, "", "")
	if err != nil {
		return err
	}
	for _, h := range history {
		kind := strings.ToLower(h.Kind)
		if kind == "held" { // the entry of a load does not say, but one beside it does
			kind = "loaded"
		}
		data[dataEvent{h.Zone, h.Dataset, h.Version, kind, h.Manifest}]--
	}
	for event, n := range data {
		if n > 0 {
			return differs("data of "+event.zone+" "+event.dataset, event.version+" "+event.kind, "")
		}
		if n < 0 {
			return differs("data of "+event.zone+" "+event.dataset, "", event.version+" "+event.kind)
		}
	}
	return nil
}

// dataEvent is one thing that happened to a data version, as both the log and the
// registry tell it. Their order is in the registry's sealed rows.
type dataEvent struct{ zone, dataset, version, kind, manifest string }

// abandon closes intents whose process died: each is closed exactly once.
func (e *Engine) abandon(ctx context.Context) error {
	open, err := e.queue(ctx, workflow.QueryApproval, workflow.Running, workflow.Rechecked)
	if err != nil {
		return err
	}
	for _, in := range open {
		r, err := e.registry.LoadRun(ctx, in.ID)
		if err != nil {
			return err
		}
		err = e.update(ctx, func(tx *registry.Tx) error {
			_, err := workflow.Do(tx.Context(), tx.SQL(), workflow.QueryApproval, in.ID, "fail", gate, tx.Now(), workflow.Note{Code: "ABANDONED"})
			if err != nil {
				return err
			}
			return tx.Emit(registry.Event{Kind: "query.abandoned", Actor: r.User, Zone: r.Zone, Run: r.ID, Fields: map[string]string{"scenario": r.Scenario}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) queue(ctx context.Context, m workflow.Machine, states ...workflow.State) ([]workflow.Instance, error) {
	var out []workflow.Instance
	err := e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		out, err = workflow.Queue(ctx, tx, m, states...)
		return err
	})
	return out, err
}

// sweepOutputs keeps a hold only while its output may still be released, and an
// artifact only if it was.
func (e *Engine) sweepOutputs(ctx context.Context) error {
	alive, err := e.queue(ctx, workflow.OutputRelease, waitingOutputs...)
	if err != nil {
		return err
	}
	out, err := e.queue(ctx, workflow.OutputRelease, workflow.Released, workflow.Downloaded)
	if err != nil {
		return err
	}
	waiting, released := map[string]bool{}, map[string]bool{}
	for _, in := range alive {
		waiting[in.ID] = true
	}
	for _, in := range out {
		released[in.ID] = true
	}
	if err := e.sweepFolder(e.holds(), ".hold", waiting, func(id string) error { return e.destroyHold(ctx, id) }); err != nil {
		return err
	}
	return e.sweepFolder(e.artifacts(), ".zbx", released, func(id string) error { return os.Remove(e.artifactFile(id)) })
}

// sweepFolder calls remove for each file of dir whose name without suffix is
// not in keep, and removes what was left half written.
func (e *Engine) sweepFolder(dir, suffix string, keep map[string]bool, remove func(id string) error) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("query: sweep: %w", err)
	}
	for _, f := range files {
		id, ok := strings.CutSuffix(f.Name(), suffix)
		switch {
		case !ok:
			err = os.Remove(filepath.Join(dir, f.Name()))
		case !keep[id]:
			err = remove(id)
		}
		if err != nil {
			return fmt.Errorf("query: sweep: %w", err)
		}
	}
	return nil
}

// sweepData removes versions that the registry does not know or calls retired or
// shredded, and what loads left that never ended.
func (e *Engine) sweepData(ctx context.Context) error {
	// Of a backup, and of a state that was taken up.
	for _, name := range []string{snapshotFile, snapshotFile + "-journal", orderFile} {
		if err := os.RemoveAll(filepath.Join(e.cfg.Domain, name)); err != nil {
			return fmt.Errorf("query: sweep: %w", err)
		}
	}
	versions, err := e.registry.StoredVersions(ctx)
	if err != nil {
		return err
	}
	keep := map[[3]string]bool{}
	for _, v := range versions {
		keep[[3]string{v.Zone, v.Dataset, v.Version}] = true
	}
	err = e.store.Sweep(func(zone, dataset, version string) bool { return keep[[3]string{zone, dataset, version}] })
	if err != nil {
		return err
	}
	for _, v := range versions {
		// What cannot be read is told when somebody reads it.
		if err := e.store.PruneManifests(v.Zone, v.Dataset, v.Version, v.Manifest); err != nil {
			e.log.WarnContext(ctx, "manifests not looked through", "zone", v.Zone, "dataset", v.Dataset, "version", v.Version, "cause", err)
		}
	}
	return nil
}
