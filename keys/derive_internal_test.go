package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"slices"
	"testing"

	"github.com/emmansun/gmsm/sm3"
)

// SM3 of 64 bytes and a counter of 1, written out: GB/T 32918.4-2016 §5.4.3 with
// an output as long as the digest.
func TestTheSM3KDFIsThatOfTheStandard(t *testing.T) {
	defer Cheap()()
	f, err := Create(filepath.Join(t.TempDir(), "keys"), Passphrase([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.CreateZone("a"); err != nil {
		t.Fatal(err)
	}
	z, err := f.zone("a")
	if err != nil {
		t.Fatal(err)
	}
	key, err := f.Derive(Purpose{Use: "token", Zone: "a", Domain: "person", Version: 1, KDF: KDFSM3})
	if err != nil {
		t.Fatal(err)
	}
	info := sm3.Sum([]byte("zonebox keys 1 purpose\x05token\x01a\x06person\x011"))
	want := sm3.Sum(slices.Concat(z.live[0].sm3, info[:], []byte{0, 0, 0, 1}))
	if !bytes.Equal(key, want[:]) || len(z.live[0].sm3) != 32 {
		t.Errorf("Derive = %x, want %x", key, want)
	}
	// GB/T 32905-2016 A.1: the digest itself.
	abc := sm3.Sum([]byte("abc"))
	if got := hex.EncodeToString(abc[:]); got != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Errorf("SM3(abc) = %s", got)
	}
}

// What Vault binds a ciphertext to: folders open only while it stays as it is.
func TestWhatTheServerBindsToStays(t *testing.T) {
	want := base64.StdEncoding.EncodeToString([]byte("zonebox keys 1 vault\x09zonebox-x\x12zonebox keys 1 abc"))
	if got := associated("zonebox-x", []byte("zonebox keys 1 abc")); got != want {
		t.Errorf("associated = %s, want %s", got, want)
	}
}

func TestAnOpenFolderDoesNotKeepThePassphrase(t *testing.T) {
	defer Cheap()()
	f, err := Create(filepath.Join(t.TempDir(), "keys"), Passphrase([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p, ok := f.provider.(passphrase); !ok || p.text != nil {
		t.Errorf("the folder keeps %v", f.provider)
	}
}
