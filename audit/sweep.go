package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// temporary matches the names that Tessera writes before it renames: the final
// name followed by a random number.
var temporary = regexp.MustCompile(`^(checkpoint|\.state/[A-Za-z.]+|tile/(entries|[0-9])/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]+)?)[0-9]+$`)

// scope says where sweep looks.
type scope string

const (
	everywhere scope = "."    // before Tessera runs
	tilesOnly  scope = "tile" // beside Tessera, which may be publishing a checkpoint
)

// sweep removes what interrupted writes left: temporary files, and tiles and
// bundles beyond the tree state, whose entries the tail holds still. Without
// it a leftover bundle could be taken for an earlier version of the one that
// was written after it.
func sweep(dir string, s scope) error {
	state, err := readState(dir)
	if err != nil {
		if errors.Is(err, errForm) || errors.Is(err, fs.ErrNotExist) {
			return nil // for verify to report
		}
		return err
	}
	return filepath.WalkDir(filepath.Join(dir, string(s)), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		t, ok := parseTile(rel)
		if ok && t.within(state.Size) || !ok && (!temporary.MatchString(rel) || strings.HasSuffix(rel, ".lock")) {
			return nil
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}
