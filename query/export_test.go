package query

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/masking"
	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/release/ledger"
	"zonebox/sandbox"
)

// EvidentBlock is what the groups of a block rest on that count as released.
type EvidentBlock struct {
	analysis.Evidence
	References []int // indexes in Statement.References
	Groups     []EvidentGroup
}

// EvidentGroup are the rows of a group: by condition and reference, and whether each
// condition reaches K.
type EvidentGroup struct {
	Rows     [][][]uint32
	Released []bool
}

// EvidenceOf reads what a worker noted of a statement whose tables are of these
// entities, by row, and compares it with the rows of the answer.
func EvidenceOf(st *analysis.Statement, entities map[string][]uint32, told []sandbox.Noted, answer []release.Reached) ([]EvidentBlock, error) {
	tables := map[string]*versionRows{}
	for name, codes := range entities {
		tables[name] = newVersionRows(codes)
	}
	w := &worker{intent: &intent{decided: &decided{bound: &bound{approved: &approved{analyzed: &analyzed{Statement: st}}}}}}
	e, err := newEvidence(w, tables, told, answer)
	if err != nil {
		return nil, err
	}
	var out []EvidentBlock
	for _, c := range e.cells {
		b := EvidentBlock{c.Evidence, c.references, nil}
		for i, group := range c.groups {
			var g EvidentGroup
			for condition := range c.conditions {
				var rows [][]uint32
				for r := range c.references {
					rows = append(rows, c.at(i, condition, r))
				}
				g.Rows, g.Released = append(g.Rows, rows), append(g.Released, e.released(c, group, condition))
			}
			b.Groups = append(b.Groups, g)
		}
		out = append(out, b)
	}
	return out, nil
}

// Segmented returns c with segments of so many rows, which are left out where a
// statement does not need them only if pruned.
func Segmented(c Config, rows int, pruned bool) Config {
	c.segment, c.unpruned = rows, !pruned
	return c
}

// Workers returns the pool that the gate's statements run in.
func (e *Engine) Workers() *sandbox.Pool { return e.pool }

// Waiting is how many questions of an operator wait for their turn.
func Waiting(e *Engine, org string) int {
	e.turns.mu.Lock()
	defer e.turns.mu.Unlock()
	if o := e.turns.operators[org]; o != nil {
		return len(o.waiting)
	}
	return 0
}

// Asked returns how many questions of a person count against a rate now.
func (e *Engine) Asked(ctx context.Context, user string) (int64, error) {
	h, err := e.history(ctx, user, "")
	if err != nil {
		return 0, err
	}
	return h.Queries24h, nil
}

// Reader returns the session that waits for the next explain of a person, nil if
// there is none.
func Reader(e *Engine, user string) *sandbox.Session {
	e.readers.mu.Lock()
	defer e.readers.mu.Unlock()
	if r := e.readers.kept[user]; r != nil {
		return r.session
	}
	return nil
}

// Readers is how many sessions wait for explains.
func Readers(e *Engine) int {
	e.readers.mu.Lock()
	defer e.readers.mu.Unlock()
	return len(e.readers.kept)
}

// BoundReaders sets how long a reader may wait and live, and what it may read.
func BoundReaders(e *Engine, idle, age time.Duration, statements int) {
	e.readers.mu.Lock()
	defer e.readers.mu.Unlock()
	e.readers.idle, e.readers.age, e.readers.statements = idle, age, statements
}

// ReleaseKeys are what tokens of a run in a zone leave under.
func ReleaseKeys(e *Engine, license string, z registry.Versioned[registry.Zone]) (masking.Keys, error) {
	r := run{engine: e, id: "run-of-a-test"}
	r.facts.Zone, r.facts.License.Name = z, license
	return r.releaseKeys()
}

// TokenKeys are what the gate makes the tokens of a zone with.
func TokenKeys(e *Engine, z registry.Versioned[registry.Zone]) (masking.Keys, error) {
	return e.tokenKeys(z)
}

// BoundPatience sets how long a shred waits for those who read.
func BoundPatience(e *Engine, d time.Duration) { e.cfg.patience = d }

// Reads has something read a zone that does not go when it is ended, until leave.
func Reads(e *Engine, what, zone string) (ended func() bool, leave func()) {
	if what == "a verification" {
		ctx, end := e.reading(context.Background(), zone)
		return func() bool { return ctx.Err() != nil }, end
	}
	r := &run{engine: e, id: "run-of-a-test", known: what == "a statement", gone: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	r.facts.Datasets = []registry.DatasetFacts{{Versioned: registry.Versioned[registry.Dataset]{Spec: registry.Dataset{Zone: zone}}}}
	if err := e.register(r); err != nil {
		panic(err)
	}
	return func() bool { return r.ctx.Err() != nil }, r.leave
}

// Sealing has something under way that wraps or copies keys, until it is let go.
func Sealing(e *Engine) (letGo func()) {
	e.sealing.RLock()
	return e.sealing.RUnlock
}

// Emit has the log tell of something.
func Emit(e *Engine, kind string, fields map[string]string) error {
	return e.update(context.Background(), func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: kind, Actor: "gate", Zone: "medical", Fields: fields})
	})
}

// Unfed has the registry forget how far alerts were handed over, as a gate does that is
// killed between the receiver's word and its own.
func Unfed(e *Engine, next uint64) error { return e.registry.SetFed(context.Background(), next) }

// HoldOpens returns an error unless the key folder lets the key of a held output be
// used.
func HoldOpens(e *Engine, run string) error {
	_, err := e.keys.Hold(run)
	return err
}

// Unblock has the key folder forget that a key is blocked.
func Unblock(e *Engine, run string) error {
	return e.keys.UnblockHold(run, e.cfg.Now().Add(24*time.Hour))
}

// Unfrozen has the registry say that an output was never frozen, as an older state of it
// does.
func Unfrozen(e *Engine, run string) error {
	return e.update(context.Background(), func(tx *registry.Tx) error {
		for _, statement := range []string{`DELETE FROM workflow_moves WHERE machine = 'release' AND id = ? AND move = 'freeze'`,
			`UPDATE workflow_instances SET state = 'APPROVED', moves = moves - 1 WHERE machine = 'release' AND id = ?`} {
			if _, err := tx.SQL().Exec(statement, run); err != nil {
				return err
			}
		}
		return nil
	})
}

// Standing has the registry say that an output that waits is at another state of its
// way, as a gate leaves it that ends between two steps.
func Standing(e *Engine, run, state string) error {
	return e.update(context.Background(), func(tx *registry.Tx) error {
		_, err := tx.SQL().Exec(`UPDATE workflow_instances SET state = ? WHERE machine = 'release' AND id = ?`, state, run)
		return err
	})
}

// CollectLate is a download that was let in before what between does, and that nobody
// ends for it: whatever ends it comes too late.
func CollectLate(ctx context.Context, e *Engine, s Subject, run string, between func()) (*Answer, error) {
	r, err := e.enter(ctx, Request{Subject: s, Resume: run})
	if err != nil {
		return nil, err
	}
	defer r.leave()
	r.ctx = context.WithoutCancel(r.ctx)
	out, err := e.outputOf(r)
	if err != nil {
		return nil, err
	}
	between()
	return e.release(out)
}

// Observe counts entries as if the log had just taken them.
func Observe(e *Engine, entries ...audit.Entry) { e.observe(context.Background(), entries) }

// HoldAlerts has no alert raised until the function it returns is called.
func HoldAlerts(e *Engine) (release func()) {
	e.raising.Lock()
	return e.raising.Unlock
}

// Tallied is for how many something is counted, and how many alerts wait.
func Tallied(e *Engine) (tallies, calls int) {
	e.pace.mu.Lock()
	defer e.pace.mu.Unlock()
	return len(e.pace.tallies), len(e.pace.calls)
}

// Restated records every decision since a time again, with other facts, and returns how
// many there were.
func Restated(e *Engine, since time.Time, other func(facts map[string]any)) (int, error) {
	all, err := e.registry.Decisions(context.Background(), since, since.Add(24*time.Hour), maxReplayed)
	if err != nil {
		return 0, err
	}
	for _, d := range all {
		raw, err := unpacked(d)
		if err != nil {
			return 0, err
		}
		var facts map[string]any
		if err := json.Unmarshal(raw, &facts); err != nil {
			return 0, err
		}
		other(facts)
		if raw, err = json.Marshal(facts); err != nil {
			return 0, err
		}
		if d.Input, err = packed(raw); err != nil {
			return 0, err
		}
		if err := e.update(context.Background(), func(tx *registry.Tx) error { return tx.RecordDecision(d) }); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// Fill applies documents as the registry does, without what the gate judges of them, and
// says of every entry among them that data of it were loaded.
func Fill(ctx context.Context, e *Engine, by string, docs []registry.Document) error {
	_, err := e.registry.ApplyWith(ctx, by, docs, func(tx *registry.Tx, _ []registry.Applied) error {
		for _, d := range docs {
			if d.Kind != registry.KindDataset {
				continue
			}
			if err := tx.SetVersion(registry.DataVersion{Zone: "medical", Dataset: d.Name, Version: "v1", Manifest: "none", Rows: 1, LoadedBy: by}); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// Deciding poses a statement as Answer does, up to the decision. What it returns reads
// the facts and asks policy, as often as it is called.
func Deciding(ctx context.Context, e *Engine, req Request) (decide func() (policy.Decision, error), leave func(), err error) {
	r, err := e.enter(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			r.leave()
		}
	}()
	admitted, err := e.admit(r)
	if err != nil {
		return nil, nil, err
	}
	posed, err := admitted.pose()
	if err != nil {
		return nil, nil, err
	}
	parser, err := e.startParser(posed)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			parser.close()
		}
	}()
	tree, err := parser.parse()
	if err != nil {
		return nil, nil, err
	}
	statement, err := tree.analyze()
	if err != nil {
		return nil, nil, err
	}
	approved, err := statement.reparse()
	if err != nil {
		return nil, nil, err
	}
	decide = func() (policy.Decision, error) {
		if err := r.learn(); err != nil {
			return policy.Decision{}, err
		}
		w := e.ask(approved.analyzed, approved.hash)
		return w.decision, w.err
	}
	return decide, func() { parser.close(); r.leave() }, nil
}

// LedgerEntries returns what the registry says that outputs showed of a dataset.
func LedgerEntries(e *Engine, dataset string) ([]registry.LedgerEntry, error) {
	return e.registry.LedgerEntries(context.Background(), "medical", dataset)
}

// Reserve has a run that is stored show something of a dataset, in no file.
func Reserve(e *Engine, run, dataset string) error {
	return e.registry.Update(context.Background(), func(tx *registry.Tx) error {
		return tx.AddLedgerEntry(registry.LedgerEntry{Run: run, Zone: "medical", Dataset: dataset})
	})
}

// ReserveForm has a run that is stored show nothing of a dataset, in a file of a form.
func ReserveForm(e *Engine, run, dataset string, form int) error {
	name := entryFile(run, dataset)
	file, err := e.keys.Seal(keys.Ledger("medical"), nil, fmt.Appendf(nil, "zonebox ledger at rest %d %s", form, name))
	if err != nil {
		return err
	}
	if err := os.WriteFile(e.ledgerFile(name), file, 0o600); err != nil {
		return err
	}
	return e.registry.Update(context.Background(), func(tx *registry.Tx) error {
		return tx.AddLedgerEntry(registry.LedgerEntry{Run: run, Zone: "medical", Dataset: dataset, Digest: ledgerSum(file)})
	})
}

// Hold has a run that is under way, until end, hold a count over the first rows of a
// dataset, of which outputs showed some.
func Hold(e *Engine, id, dataset string, rows int) (end func(), err error) {
	e.mu.Lock()
	e.runs[id] = &run{id: id}
	e.mu.Unlock()
	d := e.ledgers.lock("medical", dataset)
	defer d.mu.Unlock()
	cell := make([]uint32, rows)
	for i := range cell {
		cell[i] = uint32(i)
	}
	end = func() {
		e.mu.Lock()
		delete(e.runs, id)
		e.mu.Unlock()
	}
	return end, d.keep(id, ledger.Release{ID: blockID(id, 0), Cells: map[string][][]uint32{ledger.Counts: {cell}}})
}

// Held returns how many blocks of a run the ledgers of a dataset hold.
func Held(e *Engine, id, dataset string) int {
	d := e.ledgers.lock("medical", dataset)
	defer d.mu.Unlock()
	return d.held[id]
}

// Unend has the registry know of a submission that ended what it knows after a gate was
// killed just before it wrote that down.
func (e *Engine) Unend(ctx context.Context, id string) error {
	return e.registry.Update(ctx, func(tx *registry.Tx) error {
		kept, err := tx.SubmissionByID(id)
		if err != nil {
			return err
		}
		kept.EndedAt, kept.Outcome, kept.Request = time.Time{}, nil, []byte("{}")
		return tx.SaveSubmission(kept)
	})
}

// BeganAgain has the registry know of a submission that waits that so many gates after the
// first began with it and were killed.
func (e *Engine) BeganAgain(ctx context.Context, id string, gates int) error {
	return e.registry.Update(ctx, func(tx *registry.Tx) error {
		kept, err := tx.SubmissionByID(id)
		if err != nil {
			return err
		}
		kept.Again = gates
		return tx.SaveSubmission(kept)
	})
}
