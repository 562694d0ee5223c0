package masking

import (
	"bytes"
	"encoding/hex"
	"testing"

	prf "github.com/tink-crypto/tink-go/v2/prf/subtle"
	"pgregory.net/rapid"
)

// NIST SP 800-38B, appendix D.3 (AES-256).
func TestCMACVectors(t *testing.T) {
	key, _ := hex.DecodeString("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
	msg, _ := hex.DecodeString("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
	c, err := newCMAC(key)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{
		0:  "028962f61b7bf89efc6b551f4667d983",
		16: "28a7023f452e8f82bd4bf28d8c37c35c",
		40: "aaf3d8f1de5640c232f5b169b9c911e6",
		64: "e1992190549f6ed5696a2c056c315410",
	} {
		if got := hex.EncodeToString(c.compute(msg[:n])); got != want {
			t.Errorf("CMAC of %d bytes = %s, want %s", n, got, want)
		}
	}
}

func TestCMACIsTinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key")
		ours, err := newCMAC(key)
		if err != nil {
			t.Fatal(err)
		}
		tink, err := prf.NewAESCMACPRF(key)
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 70)).Draw(t, "messages") {
			want, err := tink.ComputePRF(msg, 16)
			if err != nil {
				t.Fatal(err)
			}
			if got := ours.clone().compute(msg); !bytes.Equal(got, want) {
				t.Fatalf("CMAC of %x = %x, Tink says %x", msg, got, want)
			}
		}
	})
}
