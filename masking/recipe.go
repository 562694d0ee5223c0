package masking

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/internal/raw"
)

// A Recipe names one masking technique and its parameters, as documents spell
// them. Parameters of other kinds must be zero. Each kind is described in the
// file of its name.
type Recipe struct {
	Kind      string            `json:"kind"`
	KeepFirst int               `json:"keep_first,omitempty"` // partial: characters
	KeepLast  int               `json:"keep_last,omitempty"`
	Part      string            `json:"part,omitempty"`    // date: decade year quarter month week day
	Width     float64           `json:"width,omitempty"`   // number: of a bucket
	Digits    int               `json:"digits,omitempty"`  // region: that stay; geohash: that are given
	Text      string            `json:"text,omitempty"`    // fixed: the replacement
	Pattern   string            `json:"pattern,omitempty"` // pattern: the shape
	Field     string            `json:"field,omitempty"`   // display, identifier: what the column holds
	Values    map[string]string `json:"values,omitempty"`  // map: raw value to replacement
	Low       *float64          `json:"low,omitempty"`     // top_bottom: lower values become it
	High      *float64          `json:"high,omitempty"`
	Days      int               `json:"days,omitempty"`       // shift: at most so many, either way
	Spread    float64           `json:"spread,omitempty"`     // noise: at most so much, either way
	Length    int               `json:"length,omitempty"`     // token: letters of one that leaves
	Alphabet  string            `json:"alphabet,omitempty"`   // token: hex base32 digits; ff1: those, or the letters
	Domain    string            `json:"domain,omitempty"`     // token: whose key makes it; "": of whatever domain the key is
	Cipher    string            `json:"cipher,omitempty"`     // ff1, identifier: aes sm4
	Keep      []string          `json:"keep,omitempty"`       // identifier: parts that stay
	FirstYear int               `json:"first_year,omitempty"` // identifier: of birth, for a resident_id
	LastYear  int               `json:"last_year,omitempty"`
	Classes   []string          `json:"classes,omitempty"` // free_text: what is looked for; all if none is named
}

// Kinds returns the kinds of recipes, sorted.
func Kinds() []string {
	var kinds []string
	for kind := range versions {
		if kind != clearKind {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

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
	case "redact", "nullify", "shuffle":
	case "token":
		rest.Length, rest.Alphabet, rest.Domain = 0, "", ""
		problem = tokenProblem(r)
	case "fixed":
		rest.Text = ""
		problem = fixedProblem(r.Text)
	case "partial":
		rest.KeepFirst, rest.KeepLast = 0, 0
		problem = partialProblem(r, t)
	case "pattern":
		rest.Pattern = ""
		problem = patternProblem(r.Pattern, t)
	case "display":
		rest.Field = ""
		problem = displayProblem(r.Field, t)
	case "map":
		rest.Values = nil
		problem = lookupProblem(r.Values, t)
	case "region":
		rest.Digits = 0
		problem = regionProblem(r.Digits, t)
	case "geohash":
		rest.Digits = 0
		problem = geohashProblem(r.Digits, t)
	case "date":
		rest.Part = ""
		problem = dateProblem(r.Part, t)
	case "number":
		rest.Width = 0
		problem = numberProblem(r.Width, t)
	case "top_bottom":
		rest.Low, rest.High = nil, nil
		problem = edgesProblem(r.Low, r.High, t)
	case "shift":
		rest.Days = 0
		problem = shiftProblem(r.Days, t)
	case "noise":
		rest.Spread = 0
		problem = noiseProblem(r.Spread, t)
	case "ff1":
		rest.Alphabet, rest.Cipher = "", ""
		problem = ff1Problem(r, t)
	case "free_text":
		rest.Classes = nil
		problem = freeTextProblem(r.Classes, t)
	case "identifier":
		rest.Field, rest.Keep, rest.Cipher, rest.FirstYear, rest.LastYear = "", nil, "", 0, 0
		problem = identifierProblem(r, t)
	default:
		return "unknown kind"
	}
	if problem == "" && !reflect.ValueOf(rest).IsZero() {
		problem = "a parameter belongs to another kind"
	}
	return problem
}

// String renders r as catalogues and audit entries print it: redact,
// partial(1,0), token, token(base32,16), date(month), number(10), region(4). Recipes that differ
// print differently: a table of values by its size and digest.
func (r Recipe) String() string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	edge := func(v *float64) string {
		if v == nil {
			return ""
		}
		return number(*v)
	}
	switch r.Kind {
	case "partial":
		return fmt.Sprintf("partial(%d,%d)", r.KeepFirst, r.KeepLast)
	case "fixed":
		return fmt.Sprintf("fixed(%q)", r.Text)
	case "pattern":
		return fmt.Sprintf("pattern(%q)", r.Pattern)
	case "display":
		return "display(" + r.Field + ")"
	case "map":
		table, _ := json.Marshal(r.Values) // keys sorted
		return fmt.Sprintf("map(%d values, %x)", len(r.Values), sha256.Sum256(table))
	case "token":
		name := r.Kind
		if r.Domain != "" {
			name += "@" + r.Domain
		}
		if r.Alphabet != "" || r.Length != 0 {
			return fmt.Sprintf("%s(%s,%d)", name, r.Alphabet, r.Length)
		}
		return name
	case "date":
		return "date(" + r.Part + ")"
	case "number":
		return "number(" + number(r.Width) + ")"
	case "region", "geohash":
		return r.Kind + "(" + strconv.Itoa(r.Digits) + ")"
	case "top_bottom":
		return "top_bottom(" + edge(r.Low) + "," + edge(r.High) + ")"
	case "shift":
		return "shift(" + strconv.Itoa(r.Days) + ")"
	case "noise":
		return "noise(" + number(r.Spread) + ")"
	case "free_text":
		if len(r.Classes) > 0 {
			return "free_text(" + strings.Join(r.Classes, " ") + ")"
		}
	case "ff1":
		return fmt.Sprintf("ff1(%q%s)", r.Alphabet, r.by())
	case "identifier":
		keep := ""
		if len(r.Keep) > 0 {
			keep = ",keep " + strings.Join(r.Keep, " ")
		}
		if r.FirstYear != 0 || r.LastYear != 0 {
			keep += fmt.Sprintf(",%d-%d", r.FirstYear, r.LastYear)
		}
		return "identifier(" + r.Field + keep + r.by() + ")"
	}
	return r.Kind
}

// by tells the cipher, if it is told.
func (r Recipe) by() string {
	if r.Cipher == "" {
		return ""
	}
	return "," + r.Cipher
}

// Typed reports whether the masked column keeps its type; the others become
// strings, so that a masked value is not taken for a measured one. What a typed
// kind cannot mask becomes null, where the raw column may have none.
func (r Recipe) Typed() bool {
	switch r.Kind {
	case "nullify", "top_bottom", "shift", "noise", "shuffle":
		return true
	}
	return false
}

// OutputType returns the catalogue type of the masked column.
func (r Recipe) OutputType(columnType string) (string, error) {
	if err := r.Validate(columnType); err != nil {
		return "", err
	}
	if r.Typed() {
		return columnType, nil
	}
	return "string", nil
}

const needsString = "needs a string column"

func isNumber(t arrow.DataType) bool {
	return t.ID() == arrow.INT64 || t.ID() == arrow.FLOAT64 || t.ID() == arrow.DECIMAL128
}

func isTime(t arrow.DataType) bool { return t.ID() == arrow.DATE32 || t.ID() == arrow.TIMESTAMP }

// mustType is raw.Type for a column type that Validate has accepted.
func mustType(columnType string) arrow.DataType {
	t, err := raw.Type(columnType)
	if err != nil {
		panic("masking: " + err.Error())
	}
	return t
}
