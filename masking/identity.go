package masking

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
)

const clearKind = "clear"

// versions count the changes of what each kind of recipe gives: whoever keeps
// masked columns keeps them by Column.Identity, so a kernel that gives other
// bytes must give another version. testdata/kernels.txt holds the digest of
// each version's output.
var versions = map[string]int{
	clearKind: 1, "redact": 1, "partial": 1, "token": 1, "date": 1, "number": 1, "region": 1,
	"fixed": 1, "pattern": 1, "display": 1, "map": 1, "geohash": 1,
	"nullify": 1, "top_bottom": 1, "shift": 2, "noise": 2, "shuffle": 1,
	"ff1": 1, "identifier": 1, "free_text": 1,
}

// Identity returns text that two columns share only if they turn equal raw rows
// into equal bytes: the kind with its version, every parameter, and for keyed
// kinds the key's domain, its scope and a fingerprint of the key. It holds no
// key.
func (c Column) Identity() string {
	if c.Kernel == nil {
		return fmt.Sprintf("%s v%d", clearKind, versions[clearKind])
	}
	return c.Kernel.identity
}

func (r Recipe) identity(columnType string, k Keys) (string, error) {
	text := fmt.Sprintf("%s v%d of %s keep %d,%d part %q width %016x digits %d", r.Kind, versions[r.Kind], columnType,
		r.KeepFirst, r.KeepLast, r.Part, math.Float64bits(r.Width), r.Digits)
	rest := r
	if r.Kind == "token" {
		rest.Length, rest.Alphabet = 0, "" // of tokens that leave
	}
	rest.Kind, rest.KeepFirst, rest.KeepLast, rest.Part, rest.Width, rest.Digits = "", 0, 0, "", 0, 0
	if !reflect.ValueOf(rest).IsZero() {
		more, err := json.Marshal(rest) // maps by key
		if err != nil {
			return "", fmt.Errorf("masking: identify %s: %w: %w", r.Kind, ErrRecipe, err)
		}
		text += " and " + string(more)
	}
	switch r.Kind {
	case "token":
		if k.Algorithm != "" && k.Algorithm != AESCMAC { // the default goes without saying, as it did when it was the only one
			text += " by " + string(k.Algorithm)
		}
	case "ff1", "identifier":
	case "shift", "noise", "shuffle":
		text += fmt.Sprintf(" scope %q", k.Scope)
	default:
		return text, nil
	}
	mark, err := k.fingerprint()
	return text + fmt.Sprintf(" domain %q key %s", k.Domain, mark), err
}

// fingerprint names the token key without telling it: keys are 256 random bits,
// of which HKDF-SHA256 shows nothing.
func (k Keys) fingerprint() (string, error) {
	mark, err := hkdf.Key(sha256.New, k.Token, nil, "zonebox token key fingerprint v1", 16)
	if err != nil {
		return "", fmt.Errorf("masking: fingerprint token key: %w: %w", ErrKey, err)
	}
	return hex.EncodeToString(mark), nil
}
