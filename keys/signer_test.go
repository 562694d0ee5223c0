package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"zonebox/keys"
)

// What a signing key signed verifies after any number of rotations, its private
// half is nowhere any more, and each key vouches for the next.
func TestARotatedSigningKeyVerifiesWhatTheEarlierOnesSigned(t *testing.T) {
	dir, made := before(t)
	f := must(keys.Open(dir, keys.Passphrase([]byte("correct horse"))))(t)
	t.Cleanup(func() { f.Close() })
	first := f.Signer().Public()
	signatures := [][]byte{unhex(t, made["signature"])}
	for version := 2; version <= 3; version++ {
		file := must(os.ReadFile(filepath.Join(dir, "release.key")))(t)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Link(filepath.Join(dir, "release.key"), link); err != nil {
			t.Fatal(err)
		}
		if n := must(f.RotateSigner())(t); n != version {
			t.Errorf("RotateSigner = %d, want %d", n, version)
		}
		if blocks := must(os.ReadFile(link))(t); bytes.Contains(blocks, file[:32]) {
			t.Error("the blocks of the earlier key still hold it")
		}
		signatures = append(signatures, f.Signer().Sign([]byte("msg")))
	}
	for range 2 {
		s := f.Signer()
		for i, sig := range signatures {
			if !s.Verify([]byte("msg"), sig) {
				t.Errorf("what version %d signed does not verify", i+1)
			}
			if s.Verify([]byte("other"), sig) {
				t.Errorf("a signature of version %d verifies for another text", i+1)
			}
			if ed25519.Verify(s.Public(), []byte("msg"), sig) != (i == len(signatures)-1) {
				t.Errorf("version %d and the current key: wrong", i+1)
			}
		}
		known := first
		for _, next := range s.Former() {
			if !next.Holds() || !bytes.Equal(next.Key, known) {
				t.Errorf("%x is not followed by its own word", known)
			}
			known = next.Next
		}
		if !bytes.Equal(known, s.Public()) || len(s.Former()) != 2 || len(s.Publics()) != 3 {
			t.Errorf("the succession ends at %x, want %x", known, s.Public())
		}
		f = reopen(t, f, dir)
	}
}

func TestASuccessionThatAnotherSignedDoesNotHold(t *testing.T) {
	f, _ := create(t)
	must(f.RotateSigner())(t)
	good := f.Signer().Former()[0]
	if !good.Holds() {
		t.Fatal("the succession of the folder does not hold")
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]keys.Succession{
		"another next":      {Key: good.Key, Next: public, Signature: good.Signature},
		"another key":       {Key: public, Next: good.Next, Signature: good.Signature},
		"signed by another": {Key: good.Key, Next: public, Signature: ed25519.Sign(private, []byte("x"))},
		"no signature":      {Key: good.Key, Next: good.Next},
		"no keys":           {Signature: good.Signature},
	} {
		if bad.Holds() {
			t.Errorf("%s holds", name)
		}
	}
}

// The gate's key of SM2 is the same for the life of its Ed25519 key and another one
// after a rotation; what it signs verifies under the point that comes with it.
func TestTheKeyOfSM2GoesWithTheSigningKey(t *testing.T) {
	f, _ := create(t)
	sign := func() []byte {
		signature, public, err := f.Signer().SignSM2([]byte("message"))
		if err != nil {
			t.Fatal(err)
		}
		key, err := sm2.NewPublicKey(public)
		if err != nil || !sm2.VerifyASN1WithSM2(key, nil, []byte("message"), signature) {
			t.Errorf("the signature does not verify under %x: %v", public, err)
		}
		if sm2.VerifyASN1WithSM2(key, nil, []byte("massage"), signature) {
			t.Error("the signature verifies another message")
		}
		return public
	}
	first := sign()
	if again := sign(); !bytes.Equal(first, again) {
		t.Errorf("the key changed: %x, then %x", first, again)
	}
	if _, err := f.RotateSigner(); err != nil {
		t.Fatal(err)
	}
	if next := sign(); bytes.Equal(first, next) {
		t.Error("the key did not change with its Ed25519 key")
	}
}
