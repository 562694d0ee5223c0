package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A Witness is what an auditor keeps of a log, on a machine of their own: the
// newest checkpoint they saw, cosigned by them. A log that does not continue it was
// put back or rewritten, whatever else was put back with it.
type Witness struct {
	Verifier   string `json:"verifier_key"` // of the log
	Name       string `json:"witness"`      // of the cosigner
	Key        string `json:"witness_key"`  // base64 Ed25519
	Checkpoint string `json:"checkpoint"`   // cosigned; empty before the first
}

// ErrWitness says that a file is not the unaltered state of a witness.
var ErrWitness = errors.New("not the state of a witness")

// NewWitness returns a witness that has seen nothing of the log whose note verifier
// key is given: the first checkpoint it is shown it believes.
func NewWitness(verifierKey string, by Cosigner) *Witness {
	return &Witness{Verifier: verifierKey, Name: by.Name, Key: base64.StdEncoding.EncodeToString(by.Key)}
}

// ReadWitness returns the state that Save wrote to path; fs.ErrNotExist if nothing
// is there, ErrWitness if it is anything but that.
func ReadWitness(path string) (*Witness, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("audit: read witness: %w", err)
	}
	var w Witness
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&w) != nil {
		return nil, fmt.Errorf("audit: read witness: %w", ErrWitness)
	}
	if _, _, err := Cosigned([]byte(w.Checkpoint), w.Verifier, w.cosigner()); err != nil {
		return nil, fmt.Errorf("audit: read witness: %w", ErrWitness)
	}
	return &w, nil
}

func (w *Witness) cosigner() Cosigner {
	key, _ := base64.StdEncoding.DecodeString(w.Key) // of a wrong length nothing is signed by
	return Cosigner{Name: w.Name, Key: key}
}

// Last returns the newest head that was cosigned, and when; the zero Head before
// the first.
func (w *Witness) Last() (Head, time.Time) {
	if w.Checkpoint == "" {
		return Head{}, time.Time{}
	}
	h, at, err := Cosigned([]byte(w.Checkpoint), w.Verifier, w.cosigner())
	if err != nil {
		panic("audit: Witness with a checkpoint that it did not cosign")
	}
	return h, at
}

// Advance has the witness cosign the checkpoint of x at a time, be it the last one
// again. It returns the *[BrokenError] of [Extension.Check], and then the
// witness stays what it was.
func (w *Witness) Advance(x Extension, at time.Time, sign func(message []byte) []byte) error {
	last, _ := w.Last()
	if _, err := x.Check(w.Verifier, last); err != nil {
		return err
	}
	b, err := Cosign([]byte(x.Checkpoint), w.cosigner(), at, sign)
	if err != nil {
		return err
	}
	if _, _, err := Cosigned(b, w.Verifier, w.cosigner()); err != nil {
		return err // the key is not the one the witness is known by
	}
	w.Checkpoint = string(b)
	return nil
}

// Save writes the state to path, in the place of the one before, and returns once
// it is durable.
func (w *Witness) Save(path string) error {
	b, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return fmt.Errorf("audit: save witness: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("audit: save witness: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("audit: save witness: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("audit: save witness: %w", err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("audit: save witness: %w", err)
	}
	return nil
}

// LockWitness takes the folder of a witness's state for this process, so that no
// two of them move it; release gives it back. It returns ErrLocked if another has it.
func LockWitness(path string) (release func(), err error) {
	f, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("audit: lock witness: %w", err)
	}
	return func() { unlockDir(f) }, nil
}
