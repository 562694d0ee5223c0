package query

import (
	"context"
	"sync"

	"zonebox/registry"
	"zonebox/zone"
)

// recallMost bounds what is recalled; beyond it all is forgotten.
const recallMost = 256

// recall keeps what explains read of registry and store, so that one after the
// other need not read and decrypt it again. What it gives is what they would
// read: facts of the registry's present generation, and load profiles of data
// versions, which never change. A question that runs reads for itself. It is safe
// for concurrent use; what it returns is shared and not to be changed.
type recall struct {
	mu       sync.Mutex
	facts    map[registry.Query]recalled
	profiles map[[3]string]zone.Stats // by zone, dataset and manifest
}

type recalled struct {
	generation uint64
	facts      registry.Facts
}

func newRecall() *recall {
	return &recall{facts: map[registry.Query]recalled{}, profiles: map[[3]string]zone.Stats{}}
}

// recalledFacts is factsOf for explains.
func (e *Engine) recalledFacts(ctx context.Context, s Subject, by registry.Query) (registry.Facts, error) {
	if err := e.TakeEffect(ctx); err != nil { // before what is remembered is compared
		return registry.Facts{}, err
	}
	k := e.recall
	generation := e.registry.Generation()
	k.mu.Lock()
	old, ok := k.facts[by]
	k.mu.Unlock()
	if ok && old.generation == generation {
		return old.facts, nil
	}
	f, err := e.factsOf(ctx, s, by)
	if err != nil {
		return f, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.facts) >= recallMost {
		clear(k.facts)
	}
	k.facts[by] = recalled{generation, f}
	return f, nil
}

// forget drops the load profiles.
func (k *recall) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.profiles)
}

// profile returns the load profile of a data version.
func (r *run) profile(zoneName, dataset string, d registry.DataVersion) (zone.Stats, error) {
	k, by := r.engine.recall, [3]string{zoneName, dataset, d.Manifest}
	if !r.request.explain {
		return r.engine.store.Stats(zoneName, dataset, d.Version, d.Manifest)
	}
	k.mu.Lock()
	old, ok := k.profiles[by]
	k.mu.Unlock()
	if ok {
		return old, nil
	}
	s, err := r.engine.store.Stats(zoneName, dataset, d.Version, d.Manifest)
	if err != nil {
		return s, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.profiles) >= recallMost {
		clear(k.profiles)
	}
	k.profiles[by] = s
	return s, nil
}
