package masking

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
)

// versions count the changes of what each kind of recipe gives: whoever keeps
// masked columns keeps them by Column.Identity, so a kernel that gives other
// bytes must give another version. testdata/kernels.txt holds the digest of
// each version's output.
var versions = map[string]int{
	"clear": 1, "redact": 1, "partial": 1, "token": 1, "date": 1, "number": 1, "region": 1,
}

// Identity returns text that two columns share only if they turn equal raw rows
// into equal bytes: the kind with its version, every parameter, and for tokens
// the key's domain and a fingerprint of the key. It holds no key.
func (c Column) Identity() string {
	if c.Kernel == nil {
		return fmt.Sprintf("clear v%d", versions["clear"])
	}
	return c.Kernel.identity
}

func (r Recipe) identity(columnType string, k Keys) (string, error) {
	text := fmt.Sprintf("%s v%d of %s keep %d,%d part %q width %016x digits %d", r.Kind, versions[r.Kind], columnType,
		r.KeepFirst, r.KeepLast, r.Part, math.Float64bits(r.Width), r.Digits)
	if r.Kind != "token" {
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
