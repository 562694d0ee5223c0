package zone

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors are those of RFC 8998 A.1 and of OpenSSL 3 (by pyca/cryptography;
// the ciphertext also by openssl enc -sm4-ctr), and of NIST's GCM test case 16.
func TestSuitesEncryptAsTheStandardsSay(t *testing.T) {
	const aad = "feedfacedeadbeeffeedfacedeadbeefabaddad2"
	for _, c := range []struct{ what, suite, key, nonce, plain, aad, sealed string }{
		{"RFC 8998 A.1", "sm4-gcm", "0123456789abcdeffedcba9876543210", "00001234567800000000abcd",
			"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa", aad,
			"17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d" +
				"83de3541e4c2b58177e065a9bf7b62ec"},
		{"OpenSSL", "sm4-gcm", "0123456789abcdeffedcba9876543210", "00001234567800000000abcd",
			hex.EncodeToString([]byte("zonebox sm4-gcm by openssl: 公共数据专区")), aad,
			"c7365d3f44a20764d106530fb51c6de6f1618370c9cd2bb93fe6557f8378760db37818b1022a938ce13bd389a7d3" + "466e856ae2c04f828d92e19c8f9e9434"},
		{"GCM test case 16", "aes-256-gcm", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
			"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39", aad,
			"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
				"76fc6ece0f4e1768cddf8853bb2d551b"},
	} {
		p, err := Suite(c.suite).parts()
		if err != nil {
			t.Fatal(err)
		}
		k, err := p.key(fromHex(t, c.key))
		if err != nil {
			t.Fatal(err)
		}
		sealed := k.seal(fromHex(t, c.plain), fromHex(t, c.nonce), fromHex(t, c.aad))
		if !bytes.Equal(sealed, fromHex(t, c.sealed)) {
			t.Errorf("%s: sealed = %x, want %s", c.what, sealed, c.sealed)
		}
		if plain, err := k.open(fromHex(t, c.sealed), fromHex(t, c.nonce), fromHex(t, c.aad)); err != nil || !bytes.Equal(plain, fromHex(t, c.plain)) {
			t.Errorf("%s: opened = %x, %v", c.what, plain, err)
		}
		if _, err := p.key(fromHex(t, c.key)[1:]); err == nil {
			t.Errorf("%s: a short key is taken", c.what)
		}
	}
	// GB/T 32905 A.1, and openssl dgst -sm3.
	for text, want := range map[string]string{
		"abc":  "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
		"公共数据": "b5d1596ce025897934d3038412b213c7f1187d37843f358dee498fec610a6d99",
	} {
		p, _ := SM4GCM.parts()
		if got := hex.EncodeToString(p.sum([]byte(text))); got != want {
			t.Errorf("SM3(%s) = %s, want %s", text, got, want)
		}
	}
	if _, err := Suite("des").parts(); err == nil {
		t.Error("an unknown suite is taken")
	}
}
