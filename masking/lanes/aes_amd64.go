//go:build !purego

package lanes

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/sys/cpu"
)

// What this processor and its operating system allow.
var (
	hasAESNI = cpu.X86.HasAES && cpu.X86.HasSSE2
	hasVAES  = hasAESNI && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VAES
)

// aesKeys is an expanded AES key: the round keys in the order and the byte order
// of FIPS 197 §5.2, which are those the instructions take.
type aesKeys struct {
	schedule [15 * BlockSize]byte
	rounds   int
}

// The kernels encipher count blocks from src to dst, which are the same memory
// or do not overlap.

//go:noescape
func encryptAESNI(k *aesKeys, dst, src *byte, count int)

//go:noescape
func encryptVAES(k *aesKeys, dst, src *byte, count int)

// subWord replaces each byte of w by its value in the S-box (FIPS 197 §5.1.1),
// by an instruction and so in constant time.
func subWord(w uint32) uint32

// expand is the key expansion of FIPS 197 §5.2. crypto/aes does not export its
// round keys, so they are made here; the S-box is the only step whose time could
// depend on the key, and subWord has no table. Words are little-endian: RotWord
// turns right, and the round constant stands in the low byte.
func expand(key []byte) *aesKeys {
	nk := len(key) / 4
	k := &aesKeys{rounds: nk + 6}
	var w [60]uint32
	for i := range nk {
		w[i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	constant := uint32(1)
	for i := nk; i < 4*(k.rounds+1); i++ {
		t := w[i-1]
		switch {
		case i%nk == 0:
			t = subWord(bits.RotateLeft32(t, -8)) ^ constant
			constant = constant<<1 ^ constant>>7*0x11b // x·c in GF(2^8)
		case nk == 8 && i%nk == 4:
			t = subWord(t)
		}
		w[i] = w[i-nk] ^ t
	}
	for i := range 4 * (k.rounds + 1) {
		binary.LittleEndian.PutUint32(k.schedule[4*i:], w[i])
	}
	return k
}

func aesBlocks(key []byte) func(dst, src []byte) {
	switch {
	case hasVAES:
		k := expand(key)
		return func(dst, src []byte) { encryptVAES(k, &dst[0], &src[0], len(src)/BlockSize) }
	case hasAESNI:
		k := expand(key)
		return func(dst, src []byte) { encryptAESNI(k, &dst[0], &src[0], len(src)/BlockSize) }
	}
	return portableAES(key)
}

func aesPath() string {
	switch {
	case hasVAES:
		return "VAES"
	case hasAESNI:
		return "AES-NI"
	}
	return "crypto/aes"
}

func aesConstantTime() bool { return hasAESNI }

// sm4ConstantTime: gmsm computes the S-box of SM4 by AES instructions or GFNI,
// wherever there are AES instructions.
func sm4ConstantTime() bool { return hasAESNI && cpu.X86.HasSSSE3 }
