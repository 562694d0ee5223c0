package query

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"zonebox/keys"
)

// compareLog refuses a log that is shorter than the key folder remembers, or that
// does not continue what auditors cosigned: it was put back to an older state, and
// the registry with it, or it is another.
func (e *Engine) compareLog() error {
	w, err := e.keys.Witness()
	if err != nil {
		return err
	}
	if size := e.audit.Size(); w.Origin == e.info.ID && size < w.Size {
		return fmt.Errorf("query: open domain: %w: the log has %d entries, the key folder remembers %d; restore the newest log and registry", ErrRollback, size, w.Size)
	}
	if c, err := e.unwitnessed(w); c != nil || err != nil {
		return e.lostWitnessed(c, err)
	}
	return nil
}

// compareKeys refuses a key folder that was put back to an older state: one that
// lacks a version the log knows to have been made, or has one it knows to be
// destroyed.
func (e *Engine) compareKeys(ctx context.Context) error {
	made, ended := map[string]int{}, map[string][]int{}
	for entry, err := range e.audit.Entries(ctx, 0, e.audit.Size()) {
		if err != nil {
			return err
		}
		f := entry.Fields
		space := entry.Zone
		if org := f["organization"]; org != "" {
			space = keys.Workspace(org)
		}
		switch entry.Kind {
		case "key.rotated":
			n, _ := strconv.Atoi(f["version"])
			made[space] = max(made[space], n)
		case "key.destroyed", "shred.done":
			list := strings.Fields(f["keys"])
			if f["version"] != "" && entry.Kind == "key.destroyed" {
				list = []string{f["version"]}
			}
			for _, n := range list {
				if n, err := strconv.Atoi(n); err == nil {
					ended[space] = append(ended[space], n)
				}
			}
		}
	}
	standings, err := e.keys.Standings()
	if err != nil {
		return err
	}
	older := func(space, what string) error {
		return fmt.Errorf("query: open domain: %w: the key folder is of an older state: of %s it %s; put the newest key folder in place", ErrRollback, space, what)
	}
	for space, n := range made {
		if space != "" && standings[space].Newest < n {
			return older(space, fmt.Sprintf("has no version %d", n))
		}
	}
	for space, list := range ended {
		for _, n := range list {
			if slices.Contains(standings[space].Live, n) {
				return older(space, fmt.Sprintf("has version %d, which was destroyed", n))
			}
		}
	}
	return nil
}

// remember has the key folder know how long the log is, unless it knows of a longer
// one, and who may take up a restored state.
func (e *Engine) remember(ctx context.Context) error {
	e.witness.Lock()
	defer e.witness.Unlock()
	w, err := e.keys.Witness()
	if err != nil {
		return err
	}
	people, err := e.takersNow(ctx)
	if err != nil {
		return err
	}
	next := keys.Witness{Origin: e.info.ID, Size: e.audit.Size(), Restored: w.Restored, Takers: people}
	if w.Origin == e.info.ID {
		next.Size, next.Cosigned = max(next.Size, w.Size), w.Cosigned
	}
	if err := e.showWitnessed(next.Cosigned); err != nil {
		return err
	}
	if reflect.DeepEqual(w, next) {
		return nil
	}
	return e.keys.Remember(next)
}
