package querytest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// spellings returns a text as it could stand on a disk: a number and a moment also as
// columns hold them.
func spellings(t testing.TB, text string) map[string][]byte {
	t.Helper()
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var le, be []byte
	for _, u := range utf16.Encode([]rune(text)) {
		le, be = append(le, byte(u), byte(u>>8)), append(be, byte(u>>8), byte(u))
	}
	out := map[string][]byte{"UTF-8": []byte(text), "UTF-16LE": le, "UTF-16BE": be}
	plain := map[string][]byte{"UTF-8": []byte(text)}
	if !bytes.Equal(gb, []byte(text)) {
		out["GB18030"], plain["GB18030"] = gb, gb
	}
	for name, raw := range plain {
		out["hex of "+name], out["HEX of "+name] = []byte(hex.EncodeToString(raw)), []byte(strings.ToUpper(hex.EncodeToString(raw)))
		for shift := range 3 { // wherever in a group of three it begins
			enc := base64.StdEncoding.EncodeToString(append(make([]byte, shift), raw...))
			if len(enc) > 12 { // of less, too little is the text's alone
				out[name+" in base64"+strings.Repeat("'", shift)] = []byte(enc[4 : len(enc)-4])
			}
		}
	}
	for name, bits := range asColumn(text) {
		out[name], out[name+" big-endian"] = binary.LittleEndian.AppendUint64(nil, bits), binary.BigEndian.AppendUint64(nil, bits)
	}
	return out
}

// asColumn returns what a column of numbers or moments holds of a text of nine digits or
// more.
func asColumn(text string) map[string]uint64 {
	if at, err := time.Parse("2006-01-02 15:04:05", text); err == nil {
		return map[string]uint64{"microseconds": uint64(at.UnixMicro()), "nanoseconds": uint64(at.UnixNano())}
	}
	if len(text) < 9 {
		return nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return map[string]uint64{"int64": uint64(n)}
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return map[string]uint64{"float64": math.Float64bits(x)}
	}
	return nil
}

// Canaries are values that must not stand in the open. They are found as they are or
// spelled another way: in GB18030 or UTF-16, in base64 or hexadecimal, as numbers of a
// column, in what gzip, zstd or zip packed. A Canaries is safe for concurrent use.
type Canaries struct {
	forms map[uint64][]canaryForm // by their last eight bytes
	short []canaryForm            // of less
	maybe [1 << 20]uint64         // bits of the keys of forms
}

type canaryForm struct {
	text, spelled string
	bytes         []byte
}

// NewCanaries returns what finds the values.
func NewCanaries(t testing.TB, values ...string) *Canaries {
	t.Helper()
	c := &Canaries{forms: map[uint64][]canaryForm{}}
	for _, v := range values {
		for spelled, b := range spellings(t, v) {
			f := canaryForm{v, spelled, b}
			if len(b) < 8 {
				if len(b) > 0 {
					c.short = append(c.short, f)
				}
				continue
			}
			key := binary.BigEndian.Uint64(b[len(b)-8:])
			c.forms[key] = append(c.forms[key], f)
			at := hashed(key)
			c.maybe[at/64] |= 1 << (at % 64)
		}
	}
	return c
}

// hashed spreads a key over the bits of maybe.
func hashed(key uint64) uint64 { return key * 0x9E3779B97F4A7C15 >> 38 }

// In returns which values stand in data, as "VALUE in SPELLING".
func (c *Canaries) In(data []byte) (found []string) {
	for _, f := range c.short {
		if bytes.Contains(data, f.bytes) {
			found = append(found, f.text+" in "+f.spelled)
		}
	}
	var last uint64
	for i, b := range data {
		last = last<<8 | uint64(b)
		if at := hashed(last); i < 7 || c.maybe[at/64]&(1<<(at%64)) == 0 {
			continue
		}
		for _, f := range c.forms[last] {
			if bytes.HasSuffix(data[:i+1], f.bytes) {
				found = append(found, f.text+" in "+f.spelled)
			}
		}
	}
	for _, inner := range unpacked(data) {
		for _, f := range c.In(inner) {
			found = append(found, f+", packed")
		}
	}
	return found
}

// unpacked returns what is packed in data, nothing if data is no whole archive.
func unpacked(data []byte) (inner [][]byte) {
	switch {
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		if r, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
			if all, err := io.ReadAll(r); err == nil {
				inner = append(inner, all)
			}
		}
	case bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		if r, err := zstd.NewReader(nil); err == nil {
			defer r.Close()
			if all, err := r.DecodeAll(data, nil); err == nil {
				inner = append(inner, all)
			}
		}
	case bytes.HasPrefix(data, []byte("PK")):
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil
		}
		for _, f := range archive.File {
			if r, err := f.Open(); err == nil {
				if all, err := io.ReadAll(r); err == nil {
					inner = append(inner, all)
				}
			}
		}
	}
	return inner
}

// Below returns the files below dirs in which a value stands, with the value. A file that
// goes while it looks is passed over.
func (c *Canaries) Below(t testing.TB, dirs ...string) (where []string) {
	t.Helper()
	files := 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			files++
			for _, found := range c.In(data) {
				where = append(where, path+": "+found)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files == 0 {
		t.Fatalf("no file below %v", dirs)
	}
	return where
}

// Found returns the files below dirs in which the text stands, as Canaries find it.
func Found(t testing.TB, text string, dirs ...string) (where []string) {
	t.Helper()
	return NewCanaries(t, text).Below(t, dirs...)
}
