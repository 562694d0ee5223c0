package querytest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// spellings returns a text as it could stand on a disk.
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
	out := map[string][]byte{"UTF-8": []byte(text), "GB18030": gb, "UTF-16LE": le, "UTF-16BE": be}
	for name, raw := range map[string][]byte{"UTF-8": []byte(text), "GB18030": gb} {
		out["hex of "+name], out["HEX of "+name] = []byte(hex.EncodeToString(raw)), []byte(strings.ToUpper(hex.EncodeToString(raw)))
		for shift := range 3 { // wherever in a group of three it begins
			enc := base64.StdEncoding.EncodeToString(append(make([]byte, shift), raw...))
			out[name+" in base64"+strings.Repeat("'", shift)] = []byte(enc[4 : len(enc)-4])
		}
	}
	return out
}

// Found returns the files below dirs in which the text stands, as it is or spelled
// another way: as GB18030 or UTF-16, in base64 or hexadecimal. A file that goes
// while it looks is passed over.
func Found(t testing.TB, text string, dirs ...string) (where []string) {
	t.Helper()
	forms, files := spellings(t, text), 0
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
			for name, form := range forms {
				if bytes.Contains(data, form) {
					where = append(where, path+": "+name)
				}
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
