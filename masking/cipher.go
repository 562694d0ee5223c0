package masking

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/emmansun/gmsm/sm3"

	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

// Reversible reports whether whoever holds the zone's token key can undo the mask.
// Such a mask hides a value from those who lack the key and from no one else: no
// license may name it for what leaves.
func (r Recipe) Reversible() bool { return r.Kind == "ff1" || r.Kind == "identifier" }

// cipherNames are the block ciphers of reversible kinds; the first is the default.
var cipherNames = []string{"aes", "sm4"}

// blocks returns the recipe's block cipher under a key derived for one use: AES-256
// under HKDF-SHA256, or SM4 under HKDF-SM3. Keys of two ciphers and of two uses are
// unrelated.
func (r Recipe) blocks(k Keys, use string) (*lanes.Cipher, error) {
	name, h, size, open := "aes", sha256.New, 32, lanes.NewAES
	if r.Cipher == "sm4" {
		name, h, size, open = "sm4", sm3.New, 16, lanes.NewSM4
	}
	key, err := derive(h, k.Token, "zonebox "+use+" "+name+" v1", size)
	if err != nil {
		return nil, err
	}
	return open(key)
}

// An encipherer appends the enciphered values of src to dst, empty ones for those
// that have not the shape, which it marks in fits.
type encipherer func(dst *ff1.Column, src ff1.Column, fits []bool) int

// mask replaces values by what they encipher to; those outside the shape are
// redacted as a whole.
func (encrypt encipherer) mask(w *work, v span, out *text) {
	w.enciphered.Data, w.enciphered.Offsets = w.enciphered.Data[:0], w.enciphered.Offsets[:0]
	fits := w.fits[:v.len()]
	misfits := encrypt(&w.enciphered, ff1.Column{Data: v.data, Offsets: v.offsets}, fits)
	data, ends := w.enciphered.Data, w.enciphered.Offsets
	dst := out.room(len(data) + misfits*len(Redacted))
	for i, fit := range fits {
		if fit {
			dst = append(dst, data[ends[i]:ends[i+1]]...)
		} else {
			dst = out.redact(dst, i)
		}
		out.ends[i] = int32(len(dst))
	}
	out.took(dst)
}

// newFF1 enciphers a string over an alphabet into one of the same length: FF1 of
// NIST SP 800-38G Rev. 1, second draft, over AES-256 or SM4 (masking/ff1). The
// tweak is the domain of the keys and the family of the column, so equal values
// come out equal in all columns of strings of one zone, and in no other zone.
//
// The alphabet is hex, base32 or digits, or its letters themselves in their order.
// A value of other letters, of fewer than a million strings of its length, or of
// more than ff1.MaxLength letters is redacted as a whole. The length shows, and
// that two values are equal.
func newFF1(r Recipe, k Keys, t arrow.DataType) (encipherer, error) {
	alphabet, err := ff1.NewAlphabet(r.letters())
	if err != nil {
		return nil, err
	}
	blocks, err := r.blocks(k, "ff1")
	if err != nil {
		return nil, err
	}
	tweak := []byte(k.Domain + "\x00" + family(t))
	if len(tweak) > ff1.MaxTweak {
		return nil, fmt.Errorf("domain of %d bytes: %w", len(k.Domain), ErrKey)
	}
	tweaks := ff1.Tweaks{Data: tweak, Width: len(tweak)}
	c := ff1.New(blocks, alphabet)
	return func(dst *ff1.Column, src ff1.Column, fits []bool) int { return c.Encrypt(dst, src, tweaks, fits) }, nil
}

// letters returns the letters of the alphabet, which may have a name.
func (r Recipe) letters() string {
	if letters, named := tokenAlphabets[r.Alphabet]; named {
		return letters
	}
	return r.Alphabet
}

func ff1Problem(r Recipe, t arrow.DataType) string {
	switch {
	case t.ID() != arrow.STRING:
		return needsString
	case r.Cipher != "" && !slices.Contains(cipherNames, r.Cipher):
		return cipherProblem
	case strings.Contains(r.letters(), "*"):
		return "alphabet must not have the star, which stands for what is redacted"
	}
	if _, err := ff1.NewAlphabet(r.letters()); err != nil {
		return "alphabet must be hex base32 digits or 2 to 65536 letters, each once"
	}
	return ""
}

const cipherProblem = "cipher must be one of aes sm4"
