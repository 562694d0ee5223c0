package audit_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/audit"
)

// Any entry of a log can be shown to stand in it, at its own index and as it is, to
// who has the log's key alone.
func TestEveryEntryIsProved(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	for _, n := range []int{1, 255, 44, 300} {
		fill(t, k, dir, n)
	}
	for _, index := range []uint64{0, 1, 255, 256, 299, 300, 511, 512, 599} {
		x, err := audit.Prove(dir, index)
		if err != nil {
			t.Fatal(err)
		}
		e, head, err := x.Check(k.verifier)
		if err != nil || e.Seq != index || head.Size != 600 {
			t.Errorf("entry %d = %+v under %+v, %v", index, e, head, err)
		}
		_, _, err = x.Check(newKeys(t).verifier)
		wantBroken(t, err, audit.Unsigned)
		bad := x
		bad.Leaf = strings.Replace(x.Leaf, `"kind":"`, `"kind":"x`, 1)
		if bad.Leaf == x.Leaf {
			t.Fatalf("leaf %s", x.Leaf)
		}
		_, _, err = bad.Check(k.verifier)
		wantBroken(t, err, audit.Changed)
		for _, other := range []uint64{index + 1, 600, 1 << 62} {
			bad = x
			bad.Index = other
			_, _, err = bad.Check(k.verifier)
			wantBroken(t, err, audit.Changed)
		}
		for i := range x.Proof {
			x.Proof[i][3] ^= 1
			_, _, err := x.Check(k.verifier)
			wantBroken(t, err, audit.Changed)
			x.Proof[i][3] ^= 1
		}
		bad = x
		bad.Proof = nil
		_, _, err = bad.Check(k.verifier)
		wantBroken(t, err, audit.Changed)
	}
	if _, err := audit.Prove(dir, 600); !errors.Is(err, audit.ErrUnsigned) {
		t.Errorf("the entry after the last = %v, want %v", err, audit.ErrUnsigned)
	}
}
