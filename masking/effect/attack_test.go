package effect_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/emmansun/gmsm/sm3"

	"zonebox/masking/effect"
)

func keyed(v string) string {
	m := hmac.New(sha256.New, []byte("key"))
	m.Write([]byte(v))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// TestTokensOfSkewedValuesAreReadOffTheirFrequencies: equal values keep equal
// tokens, so the attacker who knows the frequencies names nearly all rows of a
// skewed column and next to none of a flat one.
func TestTokensOfSkewedValuesAreReadOffTheirFrequencies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var skewed, flat, skewedTokens, flatTokens []string
	for range 4000 {
		v := fmt.Sprintf("v%d", int(10*math.Pow(r.Float64(), 3)))
		skewed, skewedTokens = append(skewed, v), append(skewedTokens, keyed(v))
	}
	for i := range 4000 {
		v := fmt.Sprintf("id%d", i)
		flat, flatTokens = append(flat, v), append(flatTokens, keyed(v))
	}
	for _, tt := range []struct {
		name         string
		truth, token []string
		from, to     float64
	}{{"skewed", skewed, skewedTokens, 0.9, 1}, {"unique", flat, flatTokens, 0, 0.001}} {
		truth := text(t, tt.truth)
		known, err := effect.Exact(truth)
		if err != nil {
			t.Fatal(err)
		}
		f, err := effect.MatchFrequency(text(t, tt.token), truth, known)
		if err != nil || f.Share < tt.from || f.Share > tt.to || f.Rows != 4000 {
			t.Errorf("%s: %+v, %v, want a share of %v to %v", tt.name, f, err, tt.from, tt.to)
		}
	}
}

func TestFrequencyAttackInFigures(t *testing.T) {
	known := effect.Known(map[string]float64{"a": 0.5, "b": 0.3, "c": 0.2})
	for _, tt := range []struct {
		name          string
		tokens, truth []string
		right, blind  float64
	}{
		{"each rank right", []string{"x", "x", "x", "y", "y", "z"}, []string{"a", "a", "a", "b", "b", "c"}, 6, 0.5},
		{"two ranks swapped", []string{"x", "x", "x", "y", "y", "z"}, []string{"b", "b", "b", "a", "a", "c"}, 1, 2.0 / 6},
		{"a tie is drawn", []string{"x", "x", "y", "y"}, []string{"a", "a", "b", "b"}, 2, 0.5},
		{"nulls aside", []string{"-", "x"}, []string{"a", "a"}, 1, 1},
		{"more tokens than values", []string{"p", "q", "r", "s"}, []string{"a", "b", "c", "d"}, 0.75, 0.25},
		{"none", nil, nil, 0, 0},
	} {
		f, err := effect.MatchFrequency(text(t, tt.tokens), text(t, tt.truth), known)
		if err != nil || math.Abs(f.Right-tt.right) > 1e-9 || math.Abs(f.Blind-tt.blind) > 1e-9 {
			t.Errorf("%s: %+v, %v, want %v rows and %v blind", tt.name, f, err, tt.right, tt.blind)
		}
	}
}

func TestHashesWithoutAKeyAreFoundInADictionary(t *testing.T) {
	phones := func(n int) iter.Seq[[]byte] {
		return func(yield func([]byte) bool) {
			for i := range n {
				if !yield(fmt.Appendf(nil, "1381234%04d", i)) {
					return
				}
			}
		}
	}
	for _, tt := range []struct {
		name  string
		mask  func(v []byte) string
		by    string
		found int64
	}{
		{"plain", func(v []byte) string { return string(v) }, "plain", 300},
		{"MD5", func(v []byte) string { s := md5.Sum(v); return hex.EncodeToString(s[:]) }, "md5", 300},
		{"SHA-256 in capitals, cut to 128 bits", func(v []byte) string { s := sha256.Sum256(v); return fmt.Sprintf("%X", s[:16]) }, "sha256", 300},
		{"SHA-256 in base64", func(v []byte) string { s := sha256.Sum256(v); return base64.StdEncoding.EncodeToString(s[:]) }, "sha256", 300},
		{"SM3", func(v []byte) string { s := sm3.Sum(v); return hex.EncodeToString(s[:]) }, "sm3", 300},
		{"HMAC with a key", func(v []byte) string { return keyed(string(v)) }, "", 0},
		{"a hash cut to 32 bits is not looked at", func(v []byte) string { s := md5.Sum(v); return hex.EncodeToString(s[:4]) }, "", 0},
	} {
		var tokens []string
		for v := range phones(300) {
			tokens = append(tokens, tt.mask(v), tt.mask(v))
		}
		d, err := effect.MatchDictionary(text(t, tokens), phones(1000))
		if err != nil || d.Found != tt.found || d.Rows != 2*tt.found || d.Tokens != 300 || d.Candidates != 1000 || tt.by != "" && d.By[tt.by] != int(tt.found) {
			t.Errorf("%s: %+v, %v, want %d of 300 by %s", tt.name, d, err, tt.found, tt.by)
		}
	}
}

func TestADistributionDoesNotPrintItsValues(t *testing.T) {
	d := effect.Known(map[string]float64{"secret": 1})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, d); got != "effect.Distribution" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}
