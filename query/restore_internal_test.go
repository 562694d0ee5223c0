package query

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The state of a backup holds the files that copyState puts there, each once and
// under its one name, and nothing else is written.
func TestAStateHoldsNothingElse(t *testing.T) {
	reg := func(name string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 1, Mode: 0o600}
	}
	for what, c := range map[string]struct {
		headers []tar.Header
		whole   bool
	}{
		"what belongs there":          {[]tar.Header{reg(registryFile), reg(identityFile), reg("audit/tile/0/000")}, true},
		"another file":                {[]tar.Header{reg("restored.json")}, false},
		"a way up":                    {[]tar.Header{reg("audit/../../x")}, false},
		"a way up inside":             {[]tar.Header{reg("audit/../restored-order.json")}, false},
		"another spelling":            {[]tar.Header{reg("audit//checkpoint")}, false},
		"a dot":                       {[]tar.Header{reg("audit/./checkpoint")}, false},
		"an absolute name":            {[]tar.Header{reg("/registry.db")}, false},
		"a file twice":                {[]tar.Header{reg(registryFile), reg(registryFile)}, false},
		"a file below a file":         {[]tar.Header{reg("audit/a"), reg("audit/a/b")}, false},
		"a folder":                    {[]tar.Header{{Name: "audit/", Typeflag: tar.TypeDir, Mode: 0o700}}, false},
		"a symbolic link":             {[]tar.Header{{Name: "audit/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}}, false},
		"a hard link":                 {[]tar.Header{reg(registryFile), {Name: "audit/x", Typeflag: tar.TypeLink, Linkname: registryFile}}, false},
		"a device":                    {[]tar.Header{{Name: "audit/x", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}}, false},
		"a pipe":                      {[]tar.Header{{Name: "audit/x", Typeflag: tar.TypeFifo}}, false},
		"a sparse file of old GNU":    {[]tar.Header{{Name: "audit/x", Typeflag: tar.TypeGNUSparse, Size: 1}}, false},
		"a name that begins as audit": {[]tar.Header{reg("auditor")}, false},
	} {
		var text bytes.Buffer
		w := tar.NewWriter(&text)
		for _, h := range c.headers {
			h.Format = tar.FormatUnknown
			typed := h.Typeflag
			if typed == tar.TypeGNUSparse { // the writer makes none
				h.Typeflag = tar.TypeReg
			}
			at := text.Len()
			if err := w.WriteHeader(&h); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if typed == tar.TypeGNUSparse {
				block := text.Bytes()[at : at+512]
				block[156] = tar.TypeGNUSparse
				copy(block[148:156], "        ")
				sum := 0
				for _, b := range block {
					sum += int(b)
				}
				copy(block[148:], []byte{'0' + byte(sum>>15&7), '0' + byte(sum>>12&7), '0' + byte(sum>>9&7), '0' + byte(sum>>6&7), '0' + byte(sum>>3&7), '0' + byte(sum&7), 0, ' '})
			}
			if h.Size > 0 {
				if _, err := w.Write([]byte("x")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "out")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err = errors.Join(unpack(out, &text), out.Close()); (err == nil) != c.whole {
			t.Errorf("%s = %v, want whole %v", what, err, c.whole)
		}
		for _, foreign := range []string{"restored.json", "restored-order.json", "auditor", "../x"} {
			if _, err := os.Lstat(filepath.Join(dir, foreign)); err == nil {
				t.Errorf("%s: %s was written", what, foreign)
			}
		}
	}
}
