package masking_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

var token = masking.Recipe{Kind: "token"}

// Known answers come from another implementation: HKDF-SHA256 of the key
// 07…07 in Python's hmac module, then `openssl mac -cipher AES-256-CBC CMAC`
// (OpenSSL 3.0) over the canonical bytes.
func TestTokensAreAESCMACOfCanonicalBytes(t *testing.T) {
	for _, c := range []struct{ column, in, want string }{
		{"string", `["320106197001010005", "张三", "", "xxxxxxxxxxxxxxxx", "5", null]`,
			"91621e5f7dc851f9fa05ca59ecdc8d0f 73e4664b77a5635dbac7e3d792b20fbc da22108833fd8634843738c044a29352 " +
				"d8be770bc9141493dc1d5236e7663000 6210862db692b9670f9ae81e4a8d9cae (null)"},
		{"int64", `[5, -12]`, "15116c0ee23711164376434ddae987c4 987e59ae565c702b9499a7ba4ac650f0"},
		{"decimal(10,2)", `["5.00", "1.50", "-12.00"]`,
			"15116c0ee23711164376434ddae987c4 6849730b2c6935a4515835036886ff01 987e59ae565c702b9499a7ba4ac650f0"},
		{"decimal(38,3)", `["5.000", "1.500"]`, "15116c0ee23711164376434ddae987c4 6849730b2c6935a4515835036886ff01"},
		{"float64", `[1.5, 0, -0.0]`,
			"29091c4bb114487674407bf7548c9016 d30eee674d08ad8a379e3f4572148838 d30eee674d08ad8a379e3f4572148838"},
		{"bool", `[true]`, "f2dd5c3bb6572b7ae9aedaf01bae0f48"},
		{"date", `["2024-05-01"]`, "affe408428828bda9e6c4a26213600a6"},
		{"timestamp", `["1969-12-31 23:59:59.999999"]`, "51f5e431941778842e7d52d6f58adcce"},
	} {
		alloc := checked(t)
		got := strings.Join(apply(t, alloc, c.column, token, column(t, alloc, types[c.column], c.in)), " ")
		if got != c.want {
			t.Errorf("token of %s %s =\n%s, want\n%s", c.column, c.in, got, c.want)
		}
	}
}

func TestEveryNaNHasOneToken(t *testing.T) {
	alloc := checked(t)
	b := array.NewFloat64Builder(alloc)
	defer b.Release()
	b.AppendValues([]float64{math.NaN(), math.Float64frombits(0xfff8000000000001)}, nil)
	arr := b.NewArray()
	defer arr.Release()
	if got := apply(t, alloc, "float64", token, arr); got[0] != got[1] {
		t.Errorf("tokens of two NaNs = %v, want equal ones", got)
	}
}

func TestTokensOfAnotherZoneAreUnlinkable(t *testing.T) {
	alloc := checked(t)
	arr := column(t, alloc, arrow.BinaryTypes.String, `["a","b"]`)
	mine := apply(t, alloc, "string", token, arr)
	k, err := masking.Compile("string", token, masking.Keys{Token: bytes.Repeat([]byte{8}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := k.Apply(alloc, arr)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	for _, a := range mine {
		for _, b := range texts(other) {
			if a == b {
				t.Errorf("token %s appears in both zones", a)
			}
		}
	}
}

func TestOneKernelMasksManyColumnsAtOnce(t *testing.T) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range int64(50_000) {
		b.Append(i)
	}
	arr := b.NewArray()
	defer arr.Release()
	k, err := masking.Compile("int64", token, zoneKeys)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := k.Apply(memory.DefaultAllocator, arr)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, _, err := k.Apply(memory.DefaultAllocator, arr); err != nil || !array.Equal(got, want) {
				t.Errorf("tokens made at the same time differ: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestATokenNeedsItsKey(t *testing.T) {
	for _, key := range [][]byte{nil, {}, make([]byte, 16), make([]byte, 31), make([]byte, 33)} {
		for _, a := range masking.Algorithms() {
			keys := masking.Keys{Token: key, Algorithm: a}
			if _, err := masking.Compile("string", token, keys); !errors.Is(err, masking.ErrKey) {
				t.Errorf("Compile(token) by %s with a key of %d bytes = %v, want ErrKey", a, len(key), err)
			}
			if _, err := masking.Rekey(memory.DefaultAllocator, column(t, memory.DefaultAllocator, arrow.BinaryTypes.String, `[]`), token, keys); !errors.Is(err, masking.ErrKey) {
				t.Errorf("Rekey by %s with a key of %d bytes = %v, want ErrKey", a, len(key), err)
			}
		}
	}
}

// 62…ae is the token of "5" under the zone key above; its release token comes
// from the same other implementation, under the key 09…09.
func TestARekeyedTokenIsCutOffFromTheZone(t *testing.T) {
	alloc := checked(t)
	arr := column(t, alloc, arrow.BinaryTypes.String, `["6210862db692b9670f9ae81e4a8d9cae", null, "91621e5f7dc851f9fa05ca59ecdc8d0f", "6210862db692b9670f9ae81e4a8d9cae"]`)
	out, err := masking.Rekey(alloc, arr, token, masking.Keys{Token: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	got := texts(out)
	if got[0] != "05fbbacca70f53d49d35a8b9505c0259" || got[1] != "(null)" || got[3] != got[0] || got[2] == got[0] || len(got[2]) != 32 {
		t.Errorf("Rekey = %v", got)
	}
}

func TestOnlyTokensAreRekeyed(t *testing.T) {
	for _, in := range []string{`["张三"]`, `[""]`, `["6210862DB692B9670F9AE81E4A8D9CAE"]`, `["6210862db692b9670f9ae81e4a8d9ca"]`,
		`["6210862db692b9670f9ae81e4a8d9cae0"]`, `["6210862db692b9670f9ae81e4a8d9cag"]`, `["6210862db692b9670f9ae81e4a8d9cae", "****"]`} {
		alloc := checked(t)
		_, err := masking.Rekey(alloc, column(t, alloc, arrow.BinaryTypes.String, in), token, masking.Keys{Token: bytes.Repeat([]byte{9}, 32)})
		if !errors.Is(err, masking.ErrToken) || strings.Contains(err.Error(), "张三") {
			t.Errorf("Rekey(%s) = %v, want ErrToken without the value", in, err)
		}
	}
	alloc := checked(t)
	if _, err := masking.Rekey(alloc, column(t, alloc, arrow.PrimitiveTypes.Int64, `[1]`), token, masking.Keys{Token: bytes.Repeat([]byte{9}, 32)}); !errors.Is(err, masking.ErrInput) {
		t.Errorf("Rekey(int64) = %v, want ErrInput", err)
	}
}
