// Package masking turns raw values into the form a grant allows.
//
// A Recipe says what form; Compile makes a Kernel of it, which works on whole
// Arrow arrays; a Plan applies kernels to a raw.Batch and is the only way rows
// leave that type. Read Kernel.Apply first, then block.go: every kernel is a
// function over a block of values that writes into one growing buffer, and
// nothing is allocated per value.
//
// What it guarantees: length and null positions stay, and masks fail closed. A
// value outside the shape a recipe is made for (too short, not UTF-8, out of
// range, not a region code) becomes Redacted as a whole, or null where the
// column keeps its type, and Apply counts it. Kernels hold no state between
// values and are safe for concurrent use. Package maskingtest holds every kind
// to this.
//
// What it does not: a masked value is not anonymous. Tokens show how often a
// value occurs, so a column with few or dominant values can be read off its
// frequencies; zone.Stats carries the figures to refuse that. A kept prefix, a
// month of birth and a region together single people out; the minimum group
// must hold on the masked output. Null positions are visible. Recipes that keep
// the type of their column (see Recipe.Typed) give numbers that look measured:
// some of them are (top_bottom, shuffle), and no license may name those; noise
// may draw 0 for an entity. Nor may one name the reversible kinds (see
// Recipe.Reversible), which whoever has the key undoes, or free_text, which hides
// what a detector finds and no more.
package masking

import "errors"

// Redacted stands for a value of which nothing is shown. Its width is fixed:
// one star per character would tell the length.
const Redacted = "****"

// Errors of this package. None holds a cell value or a key.
var (
	ErrRecipe    = errors.New("recipe not valid for this column")
	ErrKey       = errors.New("key missing or of wrong size")
	ErrAlgorithm = errors.New("token algorithm not known")
	ErrInput     = errors.New("array is not of the compiled type")
	ErrToken     = errors.New("value is not a token")
	ErrSize      = errors.New("masked column exceeds 2 GiB")
)

// KeySize is the size of a token key in bytes.
const KeySize = 32

// Keys are the secrets of kernels. Only keyed kinds need any: token, ff1,
// identifier, shift, noise and shuffle.
type Keys struct {
	// Token is the 32-byte token key of the zone: equal values get equal
	// tokens under one key, unlinkable ones under different keys.
	Token []byte
	// Algorithm is what the zone's tokens are made with.
	Algorithm Algorithm
	// Domain names what the keys belong to, the zone. It enters Column.Identity
	// and the masks of ff1 and identifier, no others; a recipe that names a domain
	// takes the keys of no other.
	Domain string
	// Scope names what shares the draws of shift, noise and shuffle, which need
	// one. All dates of a subject under one scope move by the same days, all
	// numbers of an entity by the same noise; so the scope of a shift is the license,
	// the kind of its entities and the recipe, that of noise the column as well, and
	// that of a shuffle would be the rows too.
	Scope string
}
