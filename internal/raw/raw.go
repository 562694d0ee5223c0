// Package raw is the form in which unmasked rows exist inside the gate.
//
// A Batch does not print, log or marshal its rows: whoever holds one can hand
// it on, but only zone (which decrypts rows) and masking (which turns them into
// what a grant allows) import this package and may call Open. The import table
// in internal/deps holds them to it, so a reader who wants to know where raw
// values can go needs to read those two packages.
//
// It does not stop code inside the gate that copies an opened batch.
package raw

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/apache/arrow-go/v18/arrow"
)

const veiled = "raw.Batch[unmasked rows]"

// Batch is a record batch of unmasked rows. The zero Batch holds nothing.
type Batch struct{ rec arrow.RecordBatch }

// Seal takes over the reference to rec; the batch must be released.
func Seal(rec arrow.RecordBatch) Batch { return Batch{rec} }

// Open returns the rows. The batch keeps its reference: the caller retains
// what it needs beyond Release.
func (b Batch) Open() arrow.RecordBatch { return b.rec }

// Release gives the rows back. It is safe on the zero Batch.
func (b Batch) Release() {
	if b.rec != nil {
		b.rec.Release()
	}
}

// Format prints a constant for every verb, %#v included.
func (Batch) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(veiled)) }

// LogValue logs a constant.
func (Batch) LogValue() slog.Value { return slog.StringValue(veiled) }

// MarshalJSON refuses: unmasked rows have no wire form.
func (Batch) MarshalJSON() ([]byte, error) {
	return nil, errors.New("raw: unmasked rows cannot be marshaled")
}
