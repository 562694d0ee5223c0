package keys_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zonebox/keys"
)

// blockedAt is when the holds of these tests are blocked.
var blockedAt = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func block(t *testing.T, f *keys.Folder, at time.Time, ids ...string) {
	t.Helper()
	times := map[string]time.Time{}
	for _, id := range ids {
		times[id] = at
	}
	if err := f.BlockHolds(times); err != nil {
		t.Fatal(err)
	}
}

// A blocked key opens nothing, in whatever hands it is, and in a folder that is opened
// again; another's opens. It takes an agreement of after the last block.
func TestABlockedHoldKeyOpensNothingUntilPeopleAgreeAnew(t *testing.T) {
	f, dir := create(t)
	key, other := saved(f.NewHold("run-1"))(t), saved(f.NewHold("run-2"))(t)
	sealed, others := must(key.Encrypt([]byte("rows"), nil))(t), must(other.Encrypt([]byte("rows"), nil))(t)
	block(t, f, blockedAt, "run-1")
	if _, err := key.Decrypt(sealed, nil); !errors.Is(err, keys.ErrBlocked) {
		t.Errorf("a key in hand opens: %v", err)
	}
	if _, err := key.Encrypt([]byte("rows"), nil); !errors.Is(err, keys.ErrBlocked) {
		t.Errorf("a key in hand closes: %v", err)
	}
	for range 2 {
		if _, err := f.Hold("run-1"); !errors.Is(err, keys.ErrBlocked) {
			t.Errorf("the folder gives it: %v", err)
		}
		if got, err := other.Decrypt(others, nil); err != nil || string(got) != "rows" {
			t.Errorf("another's key: %q, %v", got, err)
		}
		f = reopen(t, f, dir)
		other = must(f.Hold("run-2"))(t)
	}
	block(t, f, blockedAt.Add(time.Hour), "run-1")
	block(t, f, blockedAt, "run-1") // nothing of before takes that back
	if err := f.UnblockHold("run-1", blockedAt.Add(time.Minute)); !errors.Is(err, keys.ErrBlocked) {
		t.Errorf("an agreement of before unblocks: %v", err)
	}
	if _, err := f.Hold("run-1"); !errors.Is(err, keys.ErrBlocked) {
		t.Errorf("and the folder gives it: %v", err)
	}
	if err := f.UnblockHold("run-1", blockedAt.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := must(f.Hold("run-1"))(t).Decrypt(sealed, nil); err != nil || string(got) != "rows" {
		t.Errorf("agreed anew: %q, %v", got, err)
	}
	if err := f.UnblockHold("run-2", time.Time{}); err != nil {
		t.Errorf("one that was never blocked: %v", err)
	}
}

// What cannot be written is blocked all the same, as long as the folder is open; what
// cannot be written stays blocked.
func TestADiskThatFailsUnblocksNothing(t *testing.T) {
	f, _ := create(t)
	saved(f.NewHold("run-1"))(t)
	full := errors.New("full")
	restore := keys.OnSync(func(string) error { return full })
	err := f.BlockHolds(map[string]time.Time{"run-1": blockedAt})
	if _, held := f.Hold("run-1"); !errors.Is(err, full) || !errors.Is(held, keys.ErrBlocked) {
		t.Errorf("blocked on a full disk: %v, and the folder gives %v", err, held)
	}
	restore()
	block(t, f, blockedAt, "run-1")
	restore = keys.OnSync(func(string) error { return full })
	defer restore()
	err = f.UnblockHold("run-1", blockedAt)
	if _, held := f.Hold("run-1"); !errors.Is(err, full) || !errors.Is(held, keys.ErrBlocked) {
		t.Errorf("unblocked on a full disk: %v, and the folder gives %v", err, held)
	}
}

// A blocked key can be destroyed, and its id begins anew; a folder whose list of
// blocked keys was altered is not opened.
func TestTheListOfBlockedKeysIsTheFolders(t *testing.T) {
	f, dir := create(t)
	saved(f.NewHold("run-1"))(t)
	block(t, f, blockedAt, "run-1", "run-2")
	if err := f.DestroyHold("run-1"); err != nil {
		t.Fatal(err)
	}
	saved(f.NewHold("run-1"))(t)
	if _, err := f.Hold("run-1"); err != nil {
		t.Errorf("a new key of the id: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "blocked.key")
	text := must(os.ReadFile(list))(t)
	text[len(text)-1] ^= 1
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Open(dir, keys.Passphrase([]byte("correct horse"))); !errors.Is(err, keys.ErrDamaged) {
		t.Errorf("opened with an altered list: %v", err)
	}
}
