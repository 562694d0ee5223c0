package ledger_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"zonebox/release/ledger"
)

func TestAReleaseIsReadAsItWasWritten(t *testing.T) {
	cells := [][]uint32{{0, 3, 4_000_000_000}, {1}}
	r := ledger.Release{ID: "out-1", Population: "p", Cells: map[string][][]uint32{
		ledger.Counts: cells, "income": cells, "tax": {{0, 3}}, "wage": {{0, 3}},
	}}
	b := r.Append(nil)
	want := "\x01\x05out-1\x01p\x04" +
		"\x00\x00\x02\x03\x00\x03\xfd\xcf\xac\xf3\x0e\x01\x01" + // counts
		"\x06income\x01" + // as counts
		"\x03tax\x00\x01\x02\x00\x03" +
		"\x04wage\x03" // as tax
	if string(b) != want {
		t.Errorf("Append = %q, want %q", b, want)
	}
	got, err := ledger.Parse(b)
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("Parse = %v, %v, want %v", got, err, r)
	}
	for n := range b {
		if _, err := ledger.Parse(b[:n]); !errors.Is(err, ledger.ErrEncoding) {
			t.Errorf("Parse of %d bytes of %d: %v, want %v", n, len(b), err, ledger.ErrEncoding)
		}
	}
	if _, err := ledger.Parse(append(b, 0)); !errors.Is(err, ledger.ErrEncoding) {
		t.Errorf("Parse of a byte more: %v, want %v", err, ledger.ErrEncoding)
	}
}

func TestAReleaseIsReadWithWhatItHides(t *testing.T) {
	r := ledger.Release{ID: "out-1", Cells: map[string][][]uint32{"income": {{1}}}, Hidden: map[string][][]uint32{"income": {{0, 2}}}}
	want := "\x02\x05out-1\x00\x01\x06income\x00\x01\x01\x01" + "\x01\x06income\x00\x01\x02\x00\x02"
	b := r.Append(nil)
	if string(b) != want {
		t.Errorf("Append = %q, want %q", b, want)
	}
	if got, err := ledger.Parse(b); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("Parse = %v, %v, want %v", got, err, r)
	}
	for n := range b {
		if _, err := ledger.Parse(b[:n]); !errors.Is(err, ledger.ErrEncoding) {
			t.Errorf("Parse of %d bytes of %d: %v, want %v", n, len(b), err, ledger.ErrEncoding)
		}
	}
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		f.Add(random(r, "a", []uint32{0, 1, 1, 2, 3, 4, 4, 5}).Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ledger.Parse(b)
		if err != nil {
			return
		}
		again, err := ledger.Parse(r.Append(nil))
		if err != nil || !bytes.Equal(again.Append(nil), r.Append(nil)) {
			t.Errorf("Parse(Append(%v)) = %v, %v", r, again, err)
		}
	})
}
