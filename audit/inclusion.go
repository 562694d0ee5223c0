package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrUnsigned says that no signed checkpoint covers an entry yet.
var ErrUnsigned = errors.New("no signed checkpoint covers the entry yet")

// An Inclusion shows that an entry stands in a log: the leaf at an index, a signed
// checkpoint, and the proof that the leaf lies under it (RFC 9162 §2.1.3).
type Inclusion struct {
	Index      uint64           `json:"index"`
	Leaf       string           `json:"leaf"` // the entry, as the log has it
	Proof      tlog.RecordProof `json:"proof"`
	Checkpoint string           `json:"checkpoint"` // a signed note
}

// Prove returns the entry at index of the log in dir with the proof that it lies under
// the newest checkpoint, ErrUnsigned if it does not yet. It takes no lock and may run
// beside the gate or on a copy.
func Prove(dir string, index uint64) (Inclusion, error) {
	x, err := prove(dir, index)
	if err != nil {
		return Inclusion{}, fmt.Errorf("audit: prove entry %d: %w", index, err)
	}
	return x, nil
}

func prove(dir string, index uint64) (Inclusion, error) {
	b, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if err != nil {
		return Inclusion{}, err
	}
	c, err := parseCheckpoint(b)
	if err != nil {
		return Inclusion{}, err
	}
	if index >= c.size {
		return Inclusion{}, ErrUnsigned
	}
	x := Inclusion{Index: index, Checkpoint: string(b)}
	err = readEntries(dir, index, index+1, c.size, func(_ uint64, leaf []byte) error {
		x.Leaf = string(leaf)
		return nil
	})
	if err != nil {
		return Inclusion{}, err
	}
	if x.Proof, err = tlog.ProveRecord(int64(c.size), int64(index), c.hashes(dir)); err != nil {
		return Inclusion{}, err
	}
	return x, nil
}

// Check returns the entry that x shows and the head of the log that it stands in. It
// returns a *[BrokenError] if the key did not sign the checkpoint (Unsigned), if the
// leaf does not lie under it at the index (Changed), or if it is no entry of that
// index (Malformed, Moved).
func (x Inclusion) Check(verifierKey string) (Entry, Head, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Entry{}, Head{}, fmt.Errorf("audit: check inclusion: verifier key: %w", err)
	}
	broken := func(code Code, file string) (Entry, Head, error) {
		return Entry{}, Head{}, fmt.Errorf("audit: check inclusion: %w", &BrokenError{Code: code, Entry: int64(x.Index), File: file})
	}
	c, err := openCheckpoint([]byte(x.Checkpoint), v)
	if err != nil {
		return broken(Unsigned, checkpointFile)
	}
	if x.Index >= c.size || tlog.CheckRecord(x.Proof, int64(c.size), c.root, int64(x.Index), tlog.RecordHash([]byte(x.Leaf))) != nil {
		return broken(Changed, "")
	}
	e, err := decode([]byte(x.Leaf))
	if err != nil {
		return broken(Malformed, "")
	}
	if e.Seq != x.Index {
		return broken(Moved, "")
	}
	return e, c.head(), nil
}
