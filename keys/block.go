package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"
)

// blockedFile holds when which hold key was blocked, encrypted.
const blockedFile = "blocked.key"

// ErrBlocked says that a hold key is there and opens nothing, until people agreed anew.
var ErrBlocked = errors.New("key is blocked")

// BlockHolds has the keys of holds open nothing from now on, in whatever hands they
// are, and returns once that is durable. Each stays blocked until UnblockHold brings an
// agreement of later than its time here; a time before that of an earlier call changes
// nothing.
func (f *Folder) BlockHolds(times map[string]time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	blocked := maps.Clone(f.blocked)
	for id, at := range times {
		if err := checkName(id); err != nil {
			return fmt.Errorf("keys: block hold key: %w", err)
		}
		if old, ok := blocked[id]; !ok || at.After(old) {
			blocked[id] = at
		}
	}
	return f.setBlocked(blocked)
}

// UnblockHold lets the key of a hold be used again, of which people agreed at a time
// that is not before it was blocked; ErrBlocked if they agreed before. A key that is
// not blocked stays as it is.
func (f *Folder) UnblockHold(id string, agreed time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok := f.blocked[id]
	if ok && agreed.Before(at) {
		return fmt.Errorf("keys: unblock hold key: agreed before: %w", ErrBlocked)
	}
	blocked := maps.Clone(f.blocked)
	delete(blocked, id)
	return f.setBlocked(blocked)
}

// setBlocked replaces what is blocked. What is new counts in memory whether or not it
// can be written; what is taken back counts once it is. The caller holds mu.
func (f *Folder) setBlocked(blocked map[string]time.Time) error {
	if maps.EqualFunc(blocked, f.blocked, time.Time.Equal) {
		return nil
	}
	before := f.blocked
	f.blocked = maps.Clone(blocked)
	maps.Copy(f.blocked, before)
	plain, err := json.Marshal(blocked)
	if err != nil {
		return fmt.Errorf("keys: block hold keys: %w", err)
	}
	sealed, err := f.root.Encrypt(plain, place(blockedFile))
	if err != nil {
		return fmt.Errorf("keys: block hold keys: %w", err)
	}
	if err := writeFile(filepath.Join(f.dir, blockedFile), sealed); err != nil {
		return fmt.Errorf("keys: block hold keys: %w", err)
	}
	f.blocked = blocked
	return nil
}

// readBlocked returns what setBlocked wrote last.
func (f *Folder) readBlocked() (map[string]time.Time, error) {
	blocked := map[string]time.Time{}
	plain, err := f.readWrapped(blockedFile)
	if errors.Is(err, ErrNoKey) {
		return blocked, nil
	}
	if err != nil {
		return nil, err
	}
	if decodeStrict(plain, &blocked) != nil {
		return nil, fmt.Errorf("%s: %w", blockedFile, ErrDamaged)
	}
	return blocked, nil
}
