package keys_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"zonebox/keys"
)

// A data key of SM4 is wrapped by SM4, one of AES by AES, and both open under every
// version.
func TestADataKeyIsWrappedByItsOwnCipher(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		h.create(t, "a", "b")
		aes, sm4 := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 16)
		wrapped := [][]byte{must(h.Wrap("a", aes, []byte("x")))(t), must(h.Wrap("a", sm4, []byte("x")))(t)}
		if n := len(wrapped[0]); n != 5+12+32+16 {
			t.Errorf("an AES key wrapped has %d bytes, want those of Tink's AES-GCM", n)
		}
		if n := len(wrapped[1]); n != 4+12+16+16 || string(wrapped[1][:4]) != "SM4\x01" {
			t.Errorf("an SM4 key wrapped has %d bytes and begins %q", n, wrapped[1][:4])
		}
		must(h.RotateZone("a"))(t)
		h.reopen(t)
		for i, dek := range [][]byte{aes, sm4} {
			if got := must(h.Unwrap("a", wrapped[i], []byte("x")))(t); !bytes.Equal(got, dek) {
				t.Errorf("Unwrap = %x, want %x", got, dek)
			}
			if v := must(h.WrappedBy("a", wrapped[i], []byte("x")))(t); v != 1 {
				t.Errorf("WrappedBy = %d, want 1", v)
			}
			for what, open := range map[string]func() ([]byte, error){
				"another place": func() ([]byte, error) { return h.Unwrap("a", wrapped[i], []byte("y")) },
				"another zone":  func() ([]byte, error) { return h.Unwrap("b", wrapped[i], []byte("x")) },
				"a cut key":     func() ([]byte, error) { return h.Unwrap("a", wrapped[i][:10], []byte("x")) },
			} {
				_, err := open()
				wantErr(t, what, err, keys.ErrDamaged)
			}
		}
	})
}

// What is noted as living on opens by what it is bound to after the version that
// wrapped it is destroyed; what is not noted is lost, whoever kept a copy.
func TestHeirsLiveOnAndNothingElse(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		h.create(t, "a")
		stays, goes := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 16)
		oldStays, oldGoes := must(h.Wrap("a", stays, []byte("stays")))(t), must(h.Wrap("a", goes, []byte("goes")))(t)
		must(h.RotateZone("a"))(t)
		wantErr(t, "an heir under the earlier version", h.Inherit("a", []keys.Heir{{Wrapped: oldStays, Binding: []byte("stays")}}), keys.ErrDamaged)
		again := must(h.Wrap("a", stays, []byte("stays")))(t)
		for range 2 { // repeating changes nothing
			if err := h.Inherit("a", []keys.Heir{{Wrapped: again, Binding: []byte("stays")}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.DestroyZoneVersion("a", 1); err != nil {
			t.Fatal(err)
		}
		check := func() {
			t.Helper()
			if got := must(h.Unwrap("a", oldStays, []byte("stays")))(t); !bytes.Equal(got, stays) {
				t.Errorf("the heir = %x, want %x", got, stays)
			}
			_, err := h.Unwrap("a", oldGoes, []byte("goes"))
			wantErr(t, "what is not noted", err, keys.ErrDamaged)
			_, err = h.WrappedBy("a", oldStays, []byte("stays"))
			wantErr(t, "the version of a destroyed wrapping", err, keys.ErrDamaged)
		}
		check()
		h.reopen(t)
		check()

		// The next time it is left out, and ends.
		must(h.RotateZone("a"))(t)
		if err := h.Inherit("a", nil); err != nil {
			t.Fatal(err)
		}
		if err := h.DestroyZoneVersion("a", 2); err != nil {
			t.Fatal(err)
		}
		_, err := h.Unwrap("a", oldStays, []byte("stays"))
		wantErr(t, "an heir left out", err, keys.ErrDamaged)
		if err := h.DestroyZone("a"); err != nil {
			t.Fatal(err)
		}
		if files, err := os.ReadDir(filepath.Join(h.dir, "zones")); err != nil || slices.ContainsFunc(files, func(f os.DirEntry) bool { return filepath.Ext(f.Name()) == ".heirs" }) {
			t.Errorf("after the keys of the zone were destroyed the folder has %v, %v", files, err)
		}
	})
}

// What is sealed in a space, hold keys too, ends with its keys.
func TestWhatIsSealedInASpaceEndsWithIt(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		mine, other := keys.Workspace("hospital-data"), keys.Workspace("other")
		h.create(t, mine, other, "hospital-data", keys.BackupSpace)
		sealed := must(h.Seal(mine, []byte("SELECT"), []byte("run-1")))(t)
		theirs := must(h.Seal(other, []byte("SELECT"), []byte("run-1")))(t)
		hold := saved(h.NewHoldIn(mine, "run-1"))(t)
		held := must(hold.Encrypt([]byte("rows"), nil))(t)
		saved(h.NewHoldIn(other, "run-2"))(t)
		copied := filepath.Join(t.TempDir(), "run-1.key")
		if err := os.WriteFile(copied, must(os.ReadFile(filepath.Join(h.dir, "holds", "run-1.key")))(t), 0o600); err != nil {
			t.Fatal(err)
		}
		h.reopen(t)
		if got := must(h.Unseal(mine, sealed, []byte("run-1")))(t); string(got) != "SELECT" {
			t.Errorf("Unseal = %q", got)
		}
		for what, open := range map[string]func() ([]byte, error){
			"another place": func() ([]byte, error) { return h.Unseal(mine, sealed, []byte("run-2")) },
			"another space": func() ([]byte, error) { return h.Unseal(other, sealed, []byte("run-1")) },
			"a zone":        func() ([]byte, error) { return h.Unseal("hospital-data", sealed, []byte("run-1")) },
		} {
			_, err := open()
			wantErr(t, what, err, keys.ErrNoKey)
		}
		must(must(h.Hold("run-1"))(t).Decrypt(held, nil))(t)
		in := must(h.Hold("run-1"))(t) // in memory from here on

		if err := h.DestroyZone(mine); err != nil {
			t.Fatal(err)
		}
		ended := func(when string) {
			t.Helper()
			_, err := h.Unseal(mine, sealed, []byte("run-1"))
			wantErr(t, when+": a body", err, keys.ErrNoKey)
			_, err = h.Hold("run-1")
			wantErr(t, when+": a hold key", err, keys.ErrNoKey)
		}
		ended("at once")
		_, err := in.Decrypt(held, nil)
		wantErr(t, "a hold key in memory", err, keys.ErrNoKey)
		h.create(t, mine)
		ended("with other keys")
		h.reopen(t)
		ended("after a restart")
		if got := must(h.Unseal(other, theirs, []byte("run-1")))(t); string(got) != "SELECT" {
			t.Errorf("the other space = %q", got)
		}
		must(h.Hold("run-2"))(t)

		s := must(h.Standings())(t)
		if got := s[mine]; got.Newest != 2 || !slices.Equal(got.Live, []int{2}) {
			t.Errorf("the standing of the space = %+v, want version 2 alone", got)
		}
	})
}

func TestTheFolderRemembersTheLog(t *testing.T) {
	eachProvider(t, func(t *testing.T, h *house) {
		if w := must(h.Witness())(t); !reflect.DeepEqual(w, keys.Witness{}) {
			t.Errorf("a new folder remembers %+v", w)
		}
		want := keys.Witness{Origin: "zonebox-1", Size: 77, Takers: []keys.Taker{{Name: "wu.dc", Key: "k", Roles: []string{"data_centre"}}}}
		if err := h.Remember(want); err != nil {
			t.Fatal(err)
		}
		h.reopen(t)
		if w := must(h.Witness())(t); !reflect.DeepEqual(w, want) {
			t.Errorf("Witness = %+v, want %+v", w, want)
		}
		path := filepath.Join(h.dir, "witness.key")
		data := must(os.ReadFile(path))(t)
		data[len(data)-1] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := h.Witness()
		wantErr(t, "an altered witness", err, keys.ErrDamaged)
	})
}
