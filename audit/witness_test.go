package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/audit"
)

// auditor is a cosigner with a fixed key.
func auditor(name string, seed byte) (audit.Cosigner, func([]byte) []byte) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	return audit.Cosigner{Name: name, Key: key.Public().(ed25519.PublicKey)}, func(m []byte) []byte { return ed25519.Sign(key, m) }
}

// What transparency-dev/formats wrote with fixed keys (package note, cosignature/v1).
const (
	foreignLogKey = "zonebox-test+d46c7a83+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
	foreignNote   = `zonebox-test
123
f+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0=

— zonebox-test 1Gx6g6o+k6hq3K4c0ERnrhqa6wp83jDp5N7bOeosGoAs+3cVy5nx3/1yeV2JR8LHDWEiu4xvDV7IFjw+/wrIRFD+bwc=
— zonebox-test/feng.audit VbNxlAAAAABrA5JXhQK45r2nOe7KJmq2MRi1AnUXjPNIqR++5QEaY5gChVU6gOk9GClWERjhKNyKlSaQ9L/1zHnRTASmvd8e+qFwBA==
`
)

// TestCosignatureIsThatOfC2SP reads a note of another implementation and writes the
// same bytes.
func TestCosignatureIsThatOfC2SP(t *testing.T) {
	by, sign := auditor("zonebox-test/feng.audit", 9)
	head, at, err := audit.Cosigned([]byte(foreignNote), foreignLogKey, by)
	if err != nil || head != (audit.Head{Size: 123, Root: "f+7CoKgXKE/tNys9TTXcr/ad6U/K3xvznmzew9y6SP0="}) || at.Unix() != 0x6b039257 {
		t.Fatalf("Cosigned = %v, %v, %v", head, at, err)
	}
	bare, _, _ := strings.Cut(foreignNote, "— zonebox-test/feng")
	again, err := audit.Cosign([]byte(bare), by, at, sign)
	if err != nil || string(again) != foreignNote {
		t.Errorf("Cosign = %q, %v, want the same note", again, err)
	}
}

func TestForeignCosignatureIsRefused(t *testing.T) {
	by, sign := auditor("zonebox-test/feng.audit", 9)
	other, sign2 := auditor("zonebox-test/feng.audit", 8)
	bare, own, _ := strings.Cut(foreignNote, "— zonebox-test/feng")
	own = "— zonebox-test/feng" + own
	recosigned := func(c audit.Cosigner, sign func([]byte) []byte, text string) string {
		b, err := audit.Cosign([]byte(text), c, time.Unix(1, 0), sign)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	blob, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(own[strings.LastIndex(own, " ")+1:]))
	blob[11]++ // of the time
	for name, text := range map[string]string{
		"no cosignature":    bare,
		"another's key":     recosigned(other, sign2, bare),
		"key not as named":  recosigned(by, sign2, bare),
		"another name":      recosigned(audit.Cosigner{Name: "zonebox-test/he.sec", Key: by.Key}, sign, bare),
		"another log":       strings.ReplaceAll(foreignNote, "zonebox-test\n123", "zonebox-other\n123"),
		"another size":      strings.Replace(foreignNote, "\n123\n", "\n124\n", 1),
		"another time":      bare + "— zonebox-test/feng.audit " + base64.StdEncoding.EncodeToString(blob) + "\n",
		"two cosigners":     foreignNote + strings.Split(recosigned(other, sign2, bare), "\n")[5] + "\n",
		"nothing":           "",
		"cosignature alone": strings.Replace(bare, "— zonebox-test 1G", "— zonebox-test 2G", 1) + own,
	} {
		if _, _, err := audit.Cosigned([]byte(text), foreignLogKey, by); !errors.Is(err, audit.ErrCosignature) {
			t.Errorf("%s: %v, want ErrCosignature", name, err)
		}
	}
	if _, _, err := audit.Cosigned([]byte(recosigned(by, sign, bare)), foreignLogKey, by); err != nil {
		t.Errorf("the auditor's own = %v", err)
	}
}

// TestExtensionIsProvedFromEverySize proves each size of a log of several tiles to
// the newest, and refuses each proof for another root or size.
func TestExtensionIsProvedFromEverySize(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	heads := map[uint64]audit.Head{}
	for _, n := range []int{1, 1, 5, 249, 1, 43, 300} {
		fill(t, k, dir, n)
		x, err := audit.Extend(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		h, err := x.Check(k.verifier, audit.Head{})
		if err != nil {
			t.Fatal(err)
		}
		heads[h.Size] = h
	}
	newest := heads[600]
	for _, last := range heads {
		x, err := audit.Extend(dir, last.Size)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := x.Check(k.verifier, last); err != nil || h != newest {
			t.Errorf("from %d = %v, %v", last.Size, h, err)
		}
		if err := audit.Holds(dir, k.verifier, last); err != nil {
			t.Errorf("Holds(%d) = %v", last.Size, err)
		}
		forked := audit.Head{Size: last.Size, Root: heads[600].Root}
		if last.Size == 600 {
			forked.Root = heads[1].Root
		}
		_, err = x.Check(k.verifier, forked)
		wantBroken(t, err, audit.Forked)
		wantBroken(t, audit.Holds(dir, k.verifier, forked), audit.Forked)
		for i := range x.Proof {
			x.Proof[i][3] ^= 1
			if _, err := x.Check(k.verifier, last); err == nil {
				t.Errorf("from %d: a proof with hash %d changed is accepted", last.Size, i)
			}
			x.Proof[i][3] ^= 1
		}
	}
	longer := audit.Head{Size: 601, Root: newest.Root}
	x, err := audit.Extend(dir, 601)
	if err != nil {
		t.Fatal(err)
	}
	_, err = x.Check(k.verifier, longer)
	wantBroken(t, err, audit.Truncated)
	wantBroken(t, audit.Holds(dir, k.verifier, longer), audit.Truncated)
	_, err = x.Check(newKeys(t).verifier, audit.Head{})
	wantBroken(t, err, audit.Unsigned)
}

func wantBroken(t *testing.T, err error, code audit.Code) {
	t.Helper()
	var b *audit.BrokenError
	if !errors.As(err, &b) || b.Code != code {
		t.Errorf("err = %v, want %s", err, code)
	}
}

// TestWitnessSeesEverythingPutBack: the log, all of it, is put back to what it was,
// or another is made with the log's own key; by itself each verifies.
func TestWitnessSeesEverythingPutBack(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	by, sign := auditor("zonebox.test/audit/feng", 9)
	path := filepath.Join(t.TempDir(), "witness.json")
	fill(t, k, dir, 10)
	week := t.TempDir()
	if err := os.CopyFS(week, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	w := audit.NewWitness(k.verifier, by)
	for _, n := range []int{0, 300} {
		if n > 0 {
			fill(t, k, dir, n)
		}
		last, _ := w.Last()
		x, err := audit.Extend(dir, last.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Advance(x, time.Unix(1_780_000_000, 0), sign); err != nil {
			t.Fatal(err)
		}
		if err := w.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	w, err := audit.ReadWitness(path)
	if err != nil {
		t.Fatal(err)
	}
	if h, at := w.Last(); h.Size != 310 || at.Unix() != 1_780_000_000 {
		t.Errorf("Last = %v, %v", h, at)
	}
	if _, err := audit.Verify(dir, k.verifier, []byte(w.Checkpoint)); err != nil {
		t.Errorf("the log that was witnessed = %v", err)
	}
	fork := filepath.Join(t.TempDir(), "fork")
	fill(t, k, fork, 5)
	forkOn(t, k, fork, 400)
	for _, c := range []struct {
		name, dir string
		want      audit.Code
	}{{"last week's", week, audit.Truncated}, {"a fork", fork, audit.Forked}} {
		if _, err := audit.Verify(c.dir, k.verifier); err != nil {
			t.Fatalf("%s by itself = %v", c.name, err)
		}
		_, err := audit.Verify(c.dir, k.verifier, []byte(w.Checkpoint))
		wantBroken(t, err, c.want)
		x, err := audit.Extend(c.dir, 310)
		if err != nil {
			t.Fatal(err)
		}
		before := w.Checkpoint
		wantBroken(t, w.Advance(x, time.Unix(1_780_000_001, 0), sign), c.want)
		if w.Checkpoint != before {
			t.Errorf("%s moved the witness", c.name)
		}
	}
}

// forkOn appends entries that the log of the same key does not have.
func forkOn(t *testing.T, k keys, dir string, n int) {
	t.Helper()
	l := k.open(t, dir)
	defer closeLog(t, l)
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = entry("other-"+string(rune('a'+i%26))+strings.Repeat("x", i/26), 200)
	}
	if _, err := l.Append(t.Context(), entries...); err != nil {
		t.Fatal(err)
	}
}

// TestWitnessStateIsOneItCosigned: no byte of the file can be another.
func TestWitnessStateIsOneItCosigned(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	by, sign := auditor("zonebox.test/audit/feng", 9)
	path := filepath.Join(t.TempDir(), "witness.json")
	if _, err := audit.ReadWitness(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no state = %v, want fs.ErrNotExist", err)
	}
	fill(t, k, dir, 3)
	x, err := audit.Extend(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := audit.NewWitness(k.verifier, by)
	if err := w.Advance(x, time.Unix(1_780_000_000, 0), sign); err != nil {
		t.Fatal(err)
	}
	_, other := auditor("", 8)
	if err := audit.NewWitness(k.verifier, by).Advance(x, time.Unix(1_780_000_000, 0), other); !errors.Is(err, audit.ErrCosignature) {
		t.Errorf("cosigned with another's key = %v, want ErrCosignature", err)
	}
	if err := w.Save(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _ := w.Last()
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := audit.ReadWitness(path); err == nil { // white space, or a letter's case of a name
			if now, _ := got.Last(); now != head || got.Key != w.Key {
				t.Errorf("byte %d changed is accepted as another state", i)
			}
		} else if !errors.Is(err, audit.ErrWitness) {
			t.Errorf("byte %d: %v, want ErrWitness", i, err)
		}
	}
	release, err := audit.LockWitness(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.LockWitness(path); !errors.Is(err, audit.ErrLocked) {
		t.Errorf("a second witness of one state = %v, want ErrLocked", err)
	}
	release()
}

// TestExtensionBesideAppends: proofs that are made while the log grows are of some
// checkpoint, and true.
func TestExtensionBesideAppends(t *testing.T) {
	k, dir := newKeys(t), filepath.Join(t.TempDir(), "log")
	by, sign := auditor("zonebox.test/audit/feng", 9)
	fill(t, k, dir, 1)
	l := k.open(t, dir)
	done := make(chan error, 1)
	go func() {
		for i := range 1500 {
			if _, err := l.Append(t.Context(), entry(strings.Repeat("y", 1+i/60)+string(rune('0'+i%60)), 500)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	w, rounds := audit.NewWitness(k.verifier, by), 0
	for running := true; running; rounds++ {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			running = false
		default:
		}
		last, _ := w.Last()
		x, err := audit.Extend(dir, last.Size)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Advance(x, time.Unix(1_780_000_000+int64(rounds), 0), sign); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, l)
	t.Logf("%d rounds", rounds)
}
