// Package masking turns raw values into the form a grant allows.
//
// A Recipe says what form; Compile makes a Kernel of it, which works on whole
// Arrow arrays; a Plan applies kernels to a raw.Batch and is the only way rows
// leave that type. Read Kernel.Apply first.
//
// What it guarantees: every recipe yields strings, keeps length and null
// positions, and fails closed. A value outside the shape a recipe is made for
// (too short, not UTF-8, out of range, not a region code) becomes Redacted as a
// whole. Kernels hold no state between values and are safe for concurrent use.
//
// What it does not: a masked value is not anonymous. Tokens show how often a
// value occurs, so a column with few or dominant values can be read off its
// frequencies; zone.Stats carries the figures to refuse that. A kept prefix, a
// month of birth and a region together single people out; the minimum group
// must hold on the masked output. Null positions are visible.
package masking

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/internal/raw"
)

// Redacted stands for a value of which nothing is shown. Its width is fixed:
// one star per character would tell the length.
const Redacted = "****"

// Errors of this package. None holds a cell value or a key.
var (
	ErrRecipe = errors.New("recipe not valid for this column")
	ErrKey    = errors.New("key missing or of wrong size")
	ErrInput  = errors.New("array is not of the compiled type")
	ErrToken  = errors.New("value is not a token")
	ErrSize   = errors.New("masked column exceeds 2 GiB")
)

// A Recipe names one masking technique and its parameters, as documents spell
// them. Parameters of other kinds must be zero.
type Recipe struct {
	Kind      string  `json:"kind"` // redact partial token date number region
	KeepFirst int     `json:"keep_first,omitempty"`
	KeepLast  int     `json:"keep_last,omitempty"`
	Part      string  `json:"part,omitempty"` // year month
	Width     float64 `json:"width,omitempty"`
	Digits    int     `json:"digits,omitempty"`
}

// Keys are the secrets of kernels. Only token needs one.
type Keys struct {
	// Token is the 32-byte token key of the zone: equal values get equal
	// tokens under one key, unlinkable ones under different keys.
	Token []byte
	// Domain names what the keys belong to, the zone. It enters no mask, only
	// Column.Identity.
	Domain string
}

// keepLimit bounds keep_first and keep_last. Longer windows are no mask for
// any identifier the catalogue knows (the longest has 18 characters).
const keepLimit = 16

// Validate returns an error wrapping ErrRecipe unless r can mask a column of
// the catalogue type columnType.
func (r Recipe) Validate(columnType string) error {
	t, err := raw.Type(columnType)
	if err != nil {
		return fmt.Errorf("masking: validate recipe: %w: %v", ErrRecipe, err)
	}
	if problem := r.problem(t); problem != "" {
		return fmt.Errorf("masking: validate %s on %s: %w: %s", r, columnType, ErrRecipe, problem)
	}
	return nil
}

func (r Recipe) problem(t arrow.DataType) string {
	rest := r // what is left after the kind took its own parameters
	rest.Kind = ""
	problem := ""
	switch r.Kind {
	case "redact", "token":
	case "partial":
		rest.KeepFirst, rest.KeepLast = 0, 0
		switch {
		case t.ID() != arrow.STRING:
			problem = "partial needs a string column"
		case r.KeepFirst < 0 || r.KeepFirst > keepLimit || r.KeepLast < 0 || r.KeepLast > keepLimit:
			problem = "keep_first and keep_last must be 0 to " + strconv.Itoa(keepLimit)
		case r.KeepFirst+r.KeepLast == 0:
			problem = "partial keeps nothing: use redact"
		}
	case "date":
		rest.Part = ""
		switch {
		case t.ID() != arrow.DATE32 && t.ID() != arrow.TIMESTAMP:
			problem = "date needs a date or timestamp column"
		case r.Part != "year" && r.Part != "month":
			problem = "part must be year or month"
		}
	case "number":
		rest.Width = 0
		_, err := newGrid(r.Width)
		switch {
		case t.ID() != arrow.INT64 && t.ID() != arrow.FLOAT64 && t.ID() != arrow.DECIMAL128:
			problem = "number needs a numeric column"
		case err != nil:
			problem = err.Error()
		case t.ID() == arrow.INT64 && (r.Width != math.Trunc(r.Width) || r.Width < 2):
			problem = "width over whole numbers must be a whole number of at least 2"
		}
	case "region":
		rest.Digits = 0
		switch {
		case t.ID() != arrow.STRING:
			problem = "region needs a string column"
		case r.Digits != 2 && r.Digits != 4 && r.Digits != 6 && r.Digits != 9:
			problem = "digits must be 2, 4, 6 or 9"
		}
	default:
		return "unknown kind"
	}
	if problem == "" && rest != (Recipe{}) {
		problem = "a parameter belongs to another kind"
	}
	return problem
}

// String renders r as catalogues and audit entries print it: redact,
// partial(1,0), token, date(month), number(10), region(4).
func (r Recipe) String() string {
	switch r.Kind {
	case "partial":
		return fmt.Sprintf("partial(%d,%d)", r.KeepFirst, r.KeepLast)
	case "date":
		return "date(" + r.Part + ")"
	case "number":
		return "number(" + strconv.FormatFloat(r.Width, 'f', -1, 64) + ")"
	case "region":
		return "region(" + strconv.Itoa(r.Digits) + ")"
	}
	return r.Kind
}

// OutputType returns the catalogue type of the masked column, which is string
// for every recipe: a masked value must not be taken for a measured one.
func (r Recipe) OutputType(columnType string) (string, error) {
	if err := r.Validate(columnType); err != nil {
		return "", err
	}
	return "string", nil
}
