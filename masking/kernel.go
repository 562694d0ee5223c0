package masking

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// A Kernel masks arrays of one column type by one recipe. Compile makes it.
type Kernel struct {
	input    arrow.DataType
	maker    // the zero Kernel has none
	identity string
}

// A maker is what Compile makes of a recipe: text, or typed for kinds that keep
// the type of the column.
type maker struct {
	text  binder
	typed typed
	// entities says that typed needs them.
	entities bool
	// whole says that typed works on a column, not on its values one by one.
	whole bool
}

// Compile returns the kernel of r for columns of the catalogue type
// columnType, or an error wrapping ErrRecipe or ErrKey.
func Compile(columnType string, r Recipe, k Keys) (Kernel, error) {
	if err := r.Validate(columnType); err != nil {
		return Kernel{}, err
	}
	t := mustType(columnType)
	m, err := r.compile(t, k)
	if err != nil {
		return Kernel{}, fmt.Errorf("masking: compile %s on %s: %w", r, columnType, err)
	}
	identity, err := r.identity(columnType, k)
	if err != nil {
		return Kernel{}, err
	}
	return Kernel{t, m, identity}, nil
}

// compile has a case for each of Kinds, and parameters that Validate judged.
func (r Recipe) compile(t arrow.DataType, k Keys) (maker, error) {
	switch r.Kind {
	case "redact":
		return maker{text: constant(Redacted)}, nil
	case "fixed":
		return maker{text: constant(r.Text)}, nil
	case "partial":
		return maker{text: bytewise(newWindow(r.KeepFirst, r.KeepLast).mask)}, nil
	case "pattern":
		return maker{text: bytewise(mustShape(r.Pattern).mask)}, nil
	case "display":
		return maker{text: bytewise(display(r.Field))}, nil
	case "map":
		return maker{text: bytewise(newLookup(r.Values).mask)}, nil
	case "region":
		return maker{text: bytewise(region(r.Digits).mask)}, nil
	case "geohash":
		return maker{text: bytewise(geohash(r.Digits).mask)}, nil
	case "date":
		return maker{text: date(r.Part)}, nil
	case "number":
		g, _ := newGrid(r.Width) // Validate has judged the width
		return maker{text: g.bind}, nil
	case "token":
		if r.Domain != "" && r.Domain != k.Domain {
			return maker{}, fmt.Errorf("keys of domain %q: %w", k.Domain, ErrKey)
		}
		tokens, err := newTokens(k, t)
		return maker{text: tokens.bind}, err
	case "free_text":
		return maker{text: bytewise(newFreeText(r.Classes).mask)}, nil
	case "ff1":
		encrypt, err := newFF1(r, k, t)
		return maker{text: bytewise(encrypt.mask)}, err
	case "identifier":
		encrypt, err := newIdentifier(r, k)
		return maker{text: bytewise(encrypt.mask)}, err
	case "nullify":
		return maker{typed: nullify}, nil
	case "top_bottom":
		return maker{typed: edges(r.Low, r.High, t)}, nil
	case "shift":
		draw, err := newDraws(k, "shift")
		return maker{typed: shift(r.Days, draw), entities: true}, err
	case "noise":
		draw, err := newDraws(k, "noise")
		return maker{typed: noise(r.Spread, t, draw), entities: true}, err
	case "shuffle":
		draw, err := newDraws(k, "shuffle")
		return maker{typed: shuffle(draw), whole: true}, err
	}
	panic("masking: no kernel for " + r.Kind)
}

// PerEntity reports whether masks depend on whom a row is about, so that the
// kernel takes ApplyBy.
func (k Kernel) PerEntity() bool { return k.entities }

// Apply returns the masked form of arr, of the same length with the same null
// positions, and the number of values outside the shape that the recipe is made
// for: those became Redacted, or null if the kind keeps the column's type. Of a
// kind that does not, the result is an *array.String. The caller releases it.
//
// arr has the compiled type. Where that is string, any layout of byte strings
// will do; a dictionary of it is masked by distinct value, and lists, maps and
// structs of it by their leaves, each leaf in its place: the result is nested
// alike. arr may be a slice of a longer array. Buffers come from alloc; nothing
// is allocated per value.
//
// Apply returns an error wrapping ErrInput for any other type, at any leaf, and
// for a kernel per entity, and ErrSize if the masked text does not fit one
// Arrow string array. It is safe for concurrent use.
func (k Kernel) Apply(alloc memory.Allocator, arr arrow.Array) (arrow.Array, int64, error) {
	masked, misfits, err := k.mask(alloc, arr)
	if err != nil {
		return nil, 0, err
	}
	dict, ok := masked.(*array.Dictionary)
	if !ok {
		return masked, misfits, nil
	}
	defer dict.Release()
	plain, err := expand(alloc, dict)
	return plain, misfits, err
}

// ApplyBy is Apply for a kernel per entity: entities has the length of arr and
// any catalogue type, plain, and says whom each value is about. Equal entities
// get equal draws. A value without entity is outside the shape.
func (k Kernel) ApplyBy(alloc memory.Allocator, arr, entities arrow.Array) (arrow.Array, int64, error) {
	if !k.entities || !arrow.TypeEqual(arr.DataType(), k.input) {
		return nil, 0, fmt.Errorf("masking: apply to %s by entity: %w", arr.DataType(), ErrInput)
	}
	if entities.Len() != arr.Len() || !hasCanonical(entities.DataType()) {
		return nil, 0, fmt.Errorf("masking: %d values of %d entities, %s: %w", arr.Len(), entities.Len(), entities.DataType(), ErrInput)
	}
	if size(entities) > math.MaxInt32 {
		return nil, 0, fmt.Errorf("masking: entities, %s: %w", entities.DataType(), ErrSize)
	}
	return k.typed(alloc, arr, entities)
}

// mask is Apply, but leaves a dictionary one: entry i of the result is the mask
// of entry i of arr, so that entries may be equal and need not be used.
func (k Kernel) mask(alloc memory.Allocator, arr arrow.Array) (arrow.Array, int64, error) {
	if k.text == nil && k.typed == nil {
		panic("masking: Apply on the zero Kernel")
	}
	if k.entities {
		return nil, 0, fmt.Errorf("masking: apply without entities: %w", ErrInput)
	}
	switch a := arr.(type) {
	case *array.Dictionary:
		return k.dictionary(alloc, a)
	case array.ListLike, *array.Struct:
		return k.nested(alloc, a)
	}
	if err := k.check(arr); err != nil {
		return nil, 0, err
	}
	if k.typed != nil {
		return k.typed(alloc, arr, nil)
	}
	return build(alloc, arr, k.text(arr), nil)
}

// check returns an error unless arr is of a layout of the compiled type and
// offsets of 32 bits can tell its values apart.
func (k Kernel) check(arr arrow.Array) error {
	if !arrow.TypeEqual(arr.DataType(), k.input) && (k.input.ID() != arrow.STRING || !isText(arr.DataType())) {
		return fmt.Errorf("masking: apply to %s: %w", arr.DataType(), ErrInput)
	}
	if size(arr) > math.MaxInt32 {
		return fmt.Errorf("masking: apply to %s: %w", arr.DataType(), ErrSize)
	}
	return nil
}
