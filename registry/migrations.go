package registry

import (
	"cmp"
	"embed"
	"errors"
	"io/fs"
	"slices"
)

//go:embed migrations/*.sql
var embedded embed.FS

// ownMigrations holds the registry's own tables. fs.Sub fails only on an
// invalid path, and this one is a constant.
var ownMigrations, _ = fs.Sub(embedded, "migrations")

// layers is several folders of migrations seen as one, since the versions of
// one database are one sequence.
type layers []fs.FS

func (l layers) Open(name string) (fs.File, error) {
	for _, f := range l {
		file, err := f.Open(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (l layers) ReadDir(name string) ([]fs.DirEntry, error) {
	var all []fs.DirEntry
	for _, f := range l {
		entries, err := fs.ReadDir(f, name)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return all, nil
}
