// Package prf computes keyed tags of whole columns, the stuff of tokens: CMAC
// over AES or SM4, and HMAC over SHA-256 or SM3. All are pseudorandom functions:
// without the key a tag tells nothing of its message but whether another one is
// equal, and that nobody can compute it forward from a guess either.
//
// CMAC is the one to use. A value of a column has one or two blocks, and
// CMAC.Sum keeps 64 values in the cipher at once (masking/lanes); HMAC compresses
// two blocks of 64 bytes for each value, one after the other. HMAC is here for
// those who must have it and as the measure to beat.
//
// Tags have 128 bits: among 10^9 messages two share one with probability 2^-69.
// Rendering writes them in letters of one's choice.
package prf

import "errors"

// TagSize is the size of a tag in bytes. HMAC is cut to its first 16 bytes
// (RFC 2104 §5).
const TagSize = 16

// Errors of this package; they hold no key and no value.
var (
	ErrKey       = errors.New("prf: key size")
	ErrRendering = errors.New("prf: rendering")
)

// messages returns the number of messages that offsets delimit, having checked
// that dst has a tag for each. Of what offsets say about data each Sum slices,
// and so checks, every message.
func messages(dst []byte, offsets []int32) int {
	n := max(len(offsets)-1, 0)
	if len(dst) != n*TagSize {
		panic("prf: the result has not the size of the tags")
	}
	return n
}
