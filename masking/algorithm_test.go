package masking_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

// applyKeys is apply under other keys.
func applyKeys(t testing.TB, columnType string, r masking.Recipe, k masking.Keys, arr arrow.Array) []string {
	t.Helper()
	kernel, err := masking.Compile(columnType, r, k)
	if err != nil {
		t.Fatalf("Compile(%s, %s): %v", columnType, r, err)
	}
	out, _, err := kernel.Apply(memory.DefaultAllocator, arr)
	if err != nil {
		t.Fatalf("Apply(%s): %v", r, err)
	}
	defer out.Release()
	return texts(out)
}

// Known answers come from OpenSSL 3.0: `openssl kdf … HKDF` of the keys 07…07
// and, for tokens that leave, 09…09 by SM3 or SHA-256, then `openssl mac` by
// SM4-CBC CMAC, SHA256 HMAC and SM3 HMAC over the canonical bytes.
func TestEachAlgorithmMakesItsTokens(t *testing.T) {
	for _, c := range []struct {
		algorithm             masking.Algorithm
		strings, number, left string
	}{
		{masking.SM4CMAC, "5b92b398ae81eee86e68d159985eabd4 4074803933933650725e8fa13bd0e9e9 5116d8fd744d56d56dec8e0852746aed",
			"c31ca91dd4c6df700238eb52ceb7ce19", "559aed3e7b547797997ea51b7fdb30c5"},
		{masking.HMACSHA256, "175c8bc3eef1152c7ae0ed86215a4346 fd82891aa8510cf699b70e7e39ea8f74 8ac93235e2bde0f813be9231e2877c4b",
			"cd8e541394a8c21bfe600a1902f13ba8", "3d31c56aede4064df9984ceed2fb685d"},
		{masking.HMACSM3, "8ab773232759bf590876db9e11217c10 f81fe2a32d0223458403ac0c639fb944 c84ad673440d20eca68b3fb23f5ff7cb",
			"8aa939577a90fd3f4e32ecf0b4aef227", "bfb5854052283714759ddda3d67951c3"},
	} {
		keys := masking.Keys{Token: zoneKeys.Token, Algorithm: c.algorithm}
		alloc := checked(t)
		values := column(t, alloc, arrow.BinaryTypes.String, `["320106197001010005", "张三", "5"]`)
		if got := strings.Join(applyKeys(t, "string", token, keys, values), " "); got != c.strings {
			t.Errorf("%s of strings =\n%s, want\n%s", c.algorithm, got, c.strings)
		}
		if got := applyKeys(t, "int64", token, keys, column(t, alloc, arrow.PrimitiveTypes.Int64, `[5]`)); got[0] != c.number {
			t.Errorf("%s of a number = %s, want %s", c.algorithm, got[0], c.number)
		}
		out, err := masking.Rekey(alloc, column(t, alloc, arrow.BinaryTypes.String, `["6210862db692b9670f9ae81e4a8d9cae"]`),
			token, masking.Keys{Token: bytes.Repeat([]byte{9}, 32), Algorithm: c.algorithm})
		if err != nil {
			t.Fatal(err)
		}
		defer out.Release()
		if got := texts(out); got[0] != c.left {
			t.Errorf("%s of a token that leaves = %s, want %s", c.algorithm, got[0], c.left)
		}
	}
}

func TestTheDefaultAlgorithmNeedsNoName(t *testing.T) {
	arr := column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `["a", "b"]`)
	named := masking.Keys{Token: zoneKeys.Token, Algorithm: masking.AESCMAC}
	if got, want := applyKeys(t, "string", token, named, arr), apply(t, memory.DefaultAllocator, "string", token, arr); !slices.Equal(got, want) {
		t.Errorf("tokens by aes-cmac = %v, want %v", got, want)
	}
	if got, want := identity(t, "string", token, named), identity(t, "string", token, masking.Keys{Token: zoneKeys.Token}); got != want {
		t.Errorf("the identity by aes-cmac is %s, want %s", got, want)
	}
}

func identity(t testing.TB, columnType string, r masking.Recipe, k masking.Keys) string {
	t.Helper()
	kernel, err := masking.Compile(columnType, r, k)
	if err != nil {
		t.Fatal(err)
	}
	return masking.Column{Kernel: &kernel}.Identity()
}

// An algorithm is tied to its key: none gives what another gives, nor do two
// that share a primitive start from the same derived key.
func TestTokensOfTwoAlgorithmsNeverJoin(t *testing.T) {
	arr := column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `["a", "320106197001010005"]`)
	seen := map[string]masking.Algorithm{}
	for _, a := range masking.Algorithms() {
		for _, token := range applyKeys(t, "string", token, masking.Keys{Token: zoneKeys.Token, Algorithm: a}, arr) {
			if by, twice := seen[token]; twice {
				t.Errorf("%s and %s both give %s", by, a, token)
			}
			seen[token] = a
		}
	}
}

func TestAnAlgorithmThatIsNotKnownMakesNoTokens(t *testing.T) {
	keys := masking.Keys{Token: zoneKeys.Token, Algorithm: "md5"}
	if _, err := masking.Compile("string", token, keys); !errors.Is(err, masking.ErrAlgorithm) {
		t.Errorf("Compile = %v, want ErrAlgorithm", err)
	}
	if _, err := masking.Rekey(memory.DefaultAllocator, column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `[]`), token, keys); !errors.Is(err, masking.ErrAlgorithm) {
		t.Errorf("Rekey = %v, want ErrAlgorithm", err)
	}
}
