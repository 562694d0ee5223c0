package query

import (
	"sync"

	"zonebox/registry"
	"zonebox/zone"
)

// recallMost bounds what is recalled; beyond it all is forgotten.
const recallMost = 256

// recall keeps the load profiles that explains read, so that one after the other need
// not read and decrypt them again: those of data versions, which never change. A
// question that runs reads for itself. It is safe for concurrent use; what it returns
// is shared and not to be changed.
type recall struct {
	mu       sync.Mutex
	profiles map[[3]string]zone.Stats // by zone, dataset and manifest
}

func newRecall() *recall { return &recall{profiles: map[[3]string]zone.Stats{}} }

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
