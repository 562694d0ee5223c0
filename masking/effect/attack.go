package effect

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/emmansun/gmsm/sm3"
)

// A Distribution is what an attacker knows of a column: its values in order of
// frequency. It does not print them.
type Distribution struct{ values []string }

// String prints a constant: the values may be those of a protected column.
func (Distribution) String() string { return "effect.Distribution" }

// GoString is String.
func (d Distribution) GoString() string { return d.String() }

// Known returns the distribution of values with their weights, such as a census
// publishes them. Of equal weights the smaller value comes first.
func Known(weights map[string]float64) Distribution {
	var d Distribution
	for v := range weights {
		d.values = append(d.values, v)
	}
	slices.SortFunc(d.values, func(a, b string) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), strings.Compare(a, b))
	})
	return d
}

// Exact returns the distribution of the column itself, for the attacker who knows
// it best. It returns an error wrapping ErrType unless the column is of text.
func Exact(column arrow.Array) (Distribution, error) {
	text, err := textOf(column)
	if err != nil {
		return Distribution{}, err
	}
	weights := map[string]float64{}
	for i := range column.Len() {
		if v, ok := text(i); ok {
			weights[v]++
		}
	}
	return Known(weights), nil
}

// Frequency is the outcome of matching frequencies.
type Frequency struct {
	Rows   int64   // with a token
	Tokens int64   // different ones
	Right  float64 // rows that the attacker names, ties drawn at random
	Share  float64 // of the rows
	Blind  float64 // the share that always naming the most frequent value gets
}

// MatchFrequency attacks a column of tokens as somebody who knows how often each
// value occurs: the most frequent token is taken for the most frequent value, and
// so on. truth is the column before masking, row by row, to see which guesses are
// right. Both are text; the result holds no value of them.
func MatchFrequency(tokens, truth arrow.Array, known Distribution) (Frequency, error) {
	token, err := textOf(tokens)
	if err != nil {
		return Frequency{}, err
	}
	original, err := textOf(truth)
	if err != nil {
		return Frequency{}, err
	}
	if tokens.Len() != truth.Len() {
		return Frequency{}, fmt.Errorf("effect: match %d tokens with %d values: %w", tokens.Len(), truth.Len(), ErrColumn)
	}
	var f Frequency
	rows := map[string]int64{}             // of each token
	pairs := map[string]map[string]int64{} // of each token, by value
	totals := map[string]int64{}           // of each value
	for i := range tokens.Len() {
		t, ok := token(i)
		if !ok {
			continue
		}
		f.Rows++
		rows[t]++
		if v, ok := original(i); ok {
			if pairs[t] == nil {
				pairs[t] = map[string]int64{}
			}
			pairs[t][v]++
			totals[v]++
		}
	}
	f.Tokens = int64(len(rows))
	if f.Rows == 0 {
		return f, nil
	}
	ranked := make([]string, 0, len(rows))
	for t := range rows {
		ranked = append(ranked, t)
	}
	slices.SortFunc(ranked, func(a, b string) int { return cmp.Or(cmp.Compare(rows[b], rows[a]), strings.Compare(a, b)) })
	for from := 0; from < len(ranked); {
		to := from + 1
		for to < len(ranked) && rows[ranked[to]] == rows[ranked[from]] {
			to++
		}
		// Any of the tied tokens may get any of the values of these ranks.
		for _, t := range ranked[from:to] {
			for _, v := range known.values[min(from, len(known.values)):min(to, len(known.values))] {
				f.Right += float64(pairs[t][v]) / float64(to-from)
			}
		}
		from = to
	}
	f.Share = f.Right / float64(f.Rows)
	if len(known.values) > 0 {
		f.Blind = float64(totals[known.values[0]]) / float64(f.Rows)
	}
	return f, nil
}

// Dictionary is the outcome of hashing a dictionary.
type Dictionary struct {
	Candidates int64          // values that were tried
	Tokens     int64          // different ones in the column
	Found      int64          // of these, that a candidate gives
	Rows       int64          // with one that was found
	By         map[string]int // how many were found by each function
}

// shortest is the fewest characters of a hash that are taken for one: of fewer,
// a dictionary of millions finds some by accident.
const shortest = 12

// MatchDictionary attacks a column of tokens as somebody without a key who tries
// values: each candidate as it is and its MD5, SHA-1, SHA-256, SHA-512 and SM3 in
// hexadecimal, whole or cut to the length of the tokens, or base64. Tokens made
// with a key, and 64 bits or more of them, are not found.
func MatchDictionary(tokens arrow.Array, candidates iter.Seq[[]byte]) (Dictionary, error) {
	token, err := textOf(tokens)
	if err != nil {
		return Dictionary{}, err
	}
	d := Dictionary{By: map[string]int{}}
	rows, lengths := map[string]int64{}, map[int]bool{}
	for i := range tokens.Len() {
		if t, ok := token(i); ok {
			rows[t]++
			lengths[len(t)] = true
		}
	}
	d.Tokens = int64(len(rows))
	found := map[string]bool{}
	try := func(by, guess string) {
		if rows[guess] == 0 || found[guess] {
			return
		}
		found[guess] = true
		d.Found++
		d.Rows += rows[guess]
		d.By[by]++
	}
	for value := range candidates {
		d.Candidates++
		try("plain", string(value))
		for _, h := range hashes(value) {
			lower := hex.EncodeToString(h.sum)
			for n := range lengths {
				if n >= shortest && n <= len(lower) {
					try(h.name, lower[:n])
					try(h.name, strings.ToUpper(lower[:n]))
				}
			}
			try(h.name, base64.StdEncoding.EncodeToString(h.sum))
			try(h.name, base64.RawURLEncoding.EncodeToString(h.sum))
		}
	}
	return d, nil
}

type hashed struct {
	name string
	sum  []byte
}

func hashes(value []byte) []hashed {
	a, b, c, d, e := md5.Sum(value), sha1.Sum(value), sha256.Sum256(value), sha512.Sum512(value), sm3.Sum(value)
	return []hashed{{"md5", a[:]}, {"sha1", b[:]}, {"sha256", c[:]}, {"sha512", d[:]}, {"sm3", e[:]}}
}

// textOf reads a column of text; ok is false for a null.
func textOf(arr arrow.Array) (func(i int) (string, bool), error) {
	if d, coded := arr.(*array.Dictionary); coded {
		value, err := textOf(d.Dictionary())
		if err != nil {
			return nil, err
		}
		return func(i int) (string, bool) {
			if d.IsNull(i) {
				return "", false
			}
			return value(d.GetValueIndex(i))
		}, nil
	}
	a, ok := arr.(interface{ Value(int) string })
	if !ok {
		return nil, fmt.Errorf("effect: attack %s: %w", arr.DataType(), ErrType)
	}
	return func(i int) (string, bool) {
		if arr.IsNull(i) {
			return "", false
		}
		return a.Value(i), true
	}, nil
}
