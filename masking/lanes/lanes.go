// Package lanes enciphers many independent blocks in one call: AES with 128,
// 192 or 256 bit keys, and SM4 (GB/T 32907-2016). Masking works on columns, and
// a processor that holds 8 to 32 blocks in flight is five to thirty times as fast
// as one that waits for each; so every block cipher in masking is called by
// Cipher.Blocks and by nothing else.
//
// What computes the blocks is chosen when the program starts:
//
//	amd64   AES: VAES on 512-bit registers, else AES-NI, eight blocks in flight
//	        (aes_amd64.s); without AES-NI crypto/aes, block by block
//	others  AES: crypto/aes, block by block
//	all     SM4: the many-block ECB call of gmsm
//	purego  the build tag that keeps assembly out, of this package, crypto/aes and gmsm
//
// Every path gives the same bytes; the tests hold them together.
//
// Time does not depend on keys or data where ConstantTime says so: AES and SM4
// run on instructions then. gmsm enciphers a lone block by tables, which leak
// through the cache, but never in its many-block call, whatever the number of
// blocks; this package therefore calls nothing else.
//
// Blocks alone is ECB: equal blocks give equal results. It is a part to build
// from (masking/prf, masking/ff1), never a way to protect data.
package lanes

import (
	"errors"
	"fmt"
	"unsafe"

	smcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/sm4"
)

// BlockSize is the size of a block of AES and of SM4 in bytes.
const BlockSize = 16

// ErrKey says that a key has a size the cipher does not take.
var ErrKey = errors.New("lanes: key size")

// Cipher is a block cipher under one key. It only enciphers: no mode of this
// module needs the inverse. It is safe for concurrent use.
type Cipher struct {
	name     string
	blocks   func(dst, src []byte)
	constant bool
}

// NewAES returns AES (FIPS 197) under key, which has 16, 24 or 32 bytes.
// It returns an error wrapping ErrKey otherwise.
func NewAES(key []byte) (*Cipher, error) {
	switch len(key) {
	case 16, 24, 32:
		blocks := aesBlocks(key)
		return &Cipher{fmt.Sprintf("AES-%d", 8*len(key)), blocks, aesConstantTime()}, nil
	}
	return nil, fmt.Errorf("%w: AES takes 16, 24 or 32 bytes, not %d", ErrKey, len(key))
}

// NewSM4 returns SM4 (GB/T 32907-2016) under key, which has 16 bytes.
// It returns an error wrapping ErrKey otherwise.
func NewSM4(key []byte) (*Cipher, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: SM4 takes 16 bytes, not %d", ErrKey, len(key))
	}
	return &Cipher{"SM4", smcipher.NewECBEncrypter(block).CryptBlocks, sm4ConstantTime()}, nil
}

// Name returns the algorithm with its key size, such as AES-256 or SM4.
func (c *Cipher) Name() string { return c.name }

// ConstantTime tells whether the time of Blocks and of the key's expansion is
// independent of key and data on this processor and in this build.
func (c *Cipher) ConstantTime() bool { return c.constant }

// AESPath names what computes the blocks of AES here: VAES, AES-NI or crypto/aes.
func AESPath() string { return aesPath() }

// Blocks enciphers every block of src into dst. Both have the same length, a
// multiple of BlockSize; they are the same memory or do not overlap. Blocks
// panics otherwise, and allocates nothing. Calls of 16 blocks or more, best a
// multiple of 32, reach full speed.
func (c *Cipher) Blocks(dst, src []byte) {
	if len(src)%BlockSize != 0 || len(dst) != len(src) {
		panic("lanes: not the same number of whole blocks")
	}
	if len(src) == 0 {
		return
	}
	if overlap(dst, src) {
		panic("lanes: buffers overlap")
	}
	c.blocks(dst, src)
}

// overlap tells whether two slices of one length share memory without being the
// same, as crypto/internal/fips140/alias does.
func overlap(a, b []byte) bool {
	x, y := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return x != y && x < y+uintptr(len(b)) && y < x+uintptr(len(a))
}
