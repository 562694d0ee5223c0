package querytest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"zonebox/query/querytest"
)

// What canaries are for is found in every spelling, and nothing is found that is not
// there. The spellings are written by hand.
func TestCanariesAreFoundHoweverSpelled(t *testing.T) {
	c := querytest.NewCanaries(t, "金丝雀CANARY0451", "734519283", "5129.88417", "2391-07-19 13:47:59", "短文")
	var gz, zipped bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = w.Write([]byte(`{"x":"734519283"}`))
	_ = w.Close()
	z := zip.NewWriter(&zipped)
	f, err := z.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write(gz.Bytes())
	_ = z.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, data string
		want       []string
	}{
		{"nothing", "734519284 and 金丝雀CANARY0452, 2391-07-19 13:47:58", nil},
		{"a part", "金丝雀CANARY045", nil},
		{"as it is", "x金丝雀CANARY0451y", []string{"金丝雀CANARY0451 in UTF-8"}},
		{"GB18030", "x\xbd\xf0\xcb\xbf\xc8\xb8CANARY0451y", []string{"金丝雀CANARY0451 in GB18030"}},
		{"UTF-16", "\x00x\x007\x003\x004\x005\x001\x009\x002\x008\x003\x00", []string{"734519283 in UTF-16LE", "734519283 in UTF-16BE"}},
		{"hexadecimal", "x373334353139323833y", []string{"734519283 in hex of UTF-8", "734519283 in HEX of UTF-8"}},
		{"base64 of x734519283y", "eDczNDUxOTI4M3k=", []string{"734519283 in UTF-8 in base64'"}},
		{"an int64 of a column", "\x01\xf3\xdf\xc7\x2b\x00\x00\x00\x00\x01", []string{"734519283 in int64"}},
		{"a float64 of a column", "\x01\x1b\x12\xf7\x58\xe2\x09\xb4\x40", []string{"5129.88417 in float64"}},
		{"a moment of a column", "\x01\xc0\xa1\x04\x04\xbf\x42\x2f\x00\x01", []string{"2391-07-19 13:47:59 in microseconds"}},
		{"gzip", gz.String(), []string{"734519283 in UTF-8, packed"}},
		{"gzip in a zip", zipped.String(), []string{"734519283 in UTF-8, packed, packed"}},
		{"zstd", string(enc.EncodeAll([]byte("2391-07-19 13:47:59"), nil)), []string{"2391-07-19 13:47:59 in UTF-8", "2391-07-19 13:47:59 in UTF-8, packed"}},
		{"a short one", "很短文。", []string{"短文 in UTF-8"}},
	} {
		got := c.In([]byte(tc.data))
		slices.Sort(got)
		slices.Sort(tc.want)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "nothing", "b": "734519283"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := c.Below(t, dir), []string{filepath.Join(dir, "b") + ": 734519283 in UTF-8"}; !slices.Equal(got, want) {
		t.Errorf("below a folder: %q, want %q", got, want)
	}
}
