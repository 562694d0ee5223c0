package lanes

import "crypto/aes"

// portableAES is AES by the standard library, which exports one block at a time:
// with the processor's instructions on amd64, arm64, ppc64 and s390x. key has a
// size that AES takes.
func portableAES(key []byte) func(dst, src []byte) {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("lanes: " + err.Error())
	}
	return func(dst, src []byte) {
		for i := 0; i < len(src); i += BlockSize {
			block.Encrypt(dst[i:i+BlockSize], src[i:i+BlockSize])
		}
	}
}
