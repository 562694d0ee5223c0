// Package drop is the contract of a drop folder: where a city's exchange
// platform lays down deliveries, and finds the receipts of what became of them
// (NJ19-20).
//
// It guarantees that of a folder anybody may write to it takes nothing but
// complete deliveries, and of each of them exactly the bytes it opened: no link
// is followed, no pipe is waited for, no name leads out of the folder, and what
// is put in a file's place afterwards is neither read nor moved aside in its
// name. A delivery is moved aside when its receipt is durable, and not before;
// what a crash interrupted, the next Open finishes. Two processes never have one
// folder.
//
// It does not judge what a delivery holds: its reader does, by the manifest and
// the digest in it. Nothing here compares a file with its manifest beforehand, so
// that nothing can change in between.
//
// Read Folder.Take first, then Folder.Settle.
package drop

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
)

// The names in a folder. A delivery NAME is the file NAME and, written after it
// and renamed into place, its manifest NAME.manifest.yaml.
const (
	ManifestSuffix = ".manifest.yaml"
	ReceiptSuffix  = ".receipt.json"
	MarkerSuffix   = ".done"

	Receipts = "receipts" // what became of the delivery of a name, the last time
	Done     = "done"     // deliveries that were loaded, one folder for each load
	Refused  = "refused"  // deliveries that were not

	own     = ".zonebox-drop" // the lock, and moves under way
	lock    = own + "/lock"
	pending = own + "/moving"
)

// maxManifest bounds a manifest.
const maxManifest = 64 << 10

// Codes of what is wrong with a delivery before it is read.
const (
	FaultName     = "DROP_NAME"
	FaultKind     = "DROP_KIND"
	FaultManifest = "DROP_MANIFEST"
	FaultMissing  = "DROP_MISSING"
	FaultSize     = "DROP_SIZE"
)

// names are those a data file may have: letters of ASCII or Chinese characters,
// digits, dots, hyphens and underscores, no dot first, 120 characters at most.
var names = regexp.MustCompile(`^[A-Za-z0-9_\p{Han}][A-Za-z0-9._\p{Han}-]{0,119}$`)

// ErrTaken says that another process has the folder.
var ErrTaken = errors.New("another watcher has the folder")

// A Folder is a drop folder that this process has. Its methods are safe for
// concurrent use for different deliveries.
type Folder struct {
	root   *os.Root
	lock   *os.File
	marker bool
}

// Open takes the folder dir, makes what belongs into it, and finishes moves that
// an earlier process began. With marker a delivery is complete only once
// NAME.done is there as well. It returns an error wrapping ErrTaken if another
// process has the folder.
func Open(dir string, marker bool) (_ *Folder, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("drop: open folder: %w", err)
	}
	f := &Folder{root: root, marker: marker}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, name := range []string{own, pending, Receipts, Done, Refused} {
		if err := f.folder(name); err != nil {
			return nil, err
		}
	}
	if f.lock, err = take(root); err != nil {
		return nil, err
	}
	return f, f.finish()
}

// folder makes a folder, or makes sure that there is one and no link to one.
func (f *Folder) folder(name string) error {
	err := f.root.Mkdir(name, 0o755)
	if err == nil {
		err = f.sync(path.Dir(name))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("drop: make %s: %w", name, err)
	}
	info, err := f.root.Lstat(name)
	if err != nil {
		return fmt.Errorf("drop: make %s: %w", name, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("drop: %s is no folder", name)
	}
	return nil
}

// Close gives the folder back.
func (f *Folder) Close() error {
	var errs []error
	if f.lock != nil {
		errs = append(errs, release(f.lock))
	}
	return errors.Join(append(errs, f.root.Close())...)
}

// Complete returns the names of the manifests of complete deliveries, at most
// most of them and in no order. Those that skip says are left out.
func (f *Folder) Complete(most int, skip func(manifest string) bool) ([]string, error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, fmt.Errorf("drop: list: %w", err)
	}
	defer dir.Close()
	var out []string
	for len(out) < most {
		entries, err := dir.ReadDir(1024)
		for _, e := range entries {
			name := e.Name()
			stem, ok := strings.CutSuffix(name, ManifestSuffix)
			if !ok || len(out) == most || skip(name) {
				continue
			}
			if f.marker {
				if _, err := f.root.Lstat(stem + MarkerSuffix); err != nil {
					continue
				}
			}
			out = append(out, name)
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("drop: list: %w", err)
		}
	}
	return out, nil
}

// A Delivery is one that was taken: its manifest's text and its open data file,
// or what is wrong with it.
type Delivery struct {
	Manifest string // name of the manifest
	Name     string // of the data file
	Text     []byte // of the manifest; nil if it could not be read
	Data     *os.File
	Size     int64
	Fault    string // one of the codes, if it cannot be read

	parts []part // what will be moved aside
}

// A part is a file as it was found. It stays open, if it was opened, until it is
// moved: no other file gets its number meanwhile.
type part struct {
	name string
	info fs.FileInfo
	file *os.File
}

// Take opens a delivery by the name of its manifest. It returns an error only if
// the folder itself cannot be read, or if the delivery is gone; what is wrong
// with the delivery is its Fault. The caller closes it.
func (f *Folder) Take(manifest string) (*Delivery, error) {
	d := &Delivery{Manifest: manifest, Name: strings.TrimSuffix(manifest, ManifestSuffix)}
	text, err := f.open(d, manifest)
	if err != nil {
		return nil, err
	}
	if text != nil {
		if d.Text, err = io.ReadAll(io.LimitReader(text, maxManifest+1)); err != nil {
			d.fault(FaultManifest)
		}
		if len(d.Text) > maxManifest {
			d.Text = nil
			d.fault(FaultSize)
		}
	}
	if !names.MatchString(d.Name) || strings.HasSuffix(d.Name, ManifestSuffix) || !local(d.Name) {
		d.Fault = FaultName
	}
	if !local(d.Name) || reserved(d.Name) {
		d.Fault = FaultName
		return d, nil
	}
	if f.marker {
		if info, err := f.root.Lstat(d.Name + MarkerSuffix); err == nil {
			d.parts = append(d.parts, part{name: d.Name + MarkerSuffix, info: info})
		}
	}
	d.Data, err = f.open(d, d.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.fault(FaultMissing)
	case err != nil:
		return nil, errors.Join(err, d.Close())
	case d.Data != nil:
		d.Size = d.parts[len(d.parts)-1].info.Size()
	}
	return d, nil
}

// reserved reports whether the name is of the folder's own.
func reserved(name string) bool {
	return name == Receipts || name == Done || name == Refused || name == own
}

// local reports whether name is of a file in the folder itself.
func local(name string) bool {
	return name != "" && name != "." && name != ".." && name == path.Base(name)
}

// fault notes what is wrong, if nothing was before.
func (d *Delivery) fault(code string) {
	if d.Fault == "" {
		d.Fault = code
	}
}

// open opens a file of the delivery for reading and notes it as a part. It
// returns nil and a fault if it is anything but a plain file of one name: the
// look at what it is and the opened file are compared, so that nothing can be put
// in between. It does not wait for the writer of a pipe.
func (f *Folder) open(d *Delivery, name string) (*os.File, error) {
	seen, err := f.root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("drop: take: %w", err)
	}
	d.parts = append(d.parts, part{name: name, info: seen})
	if !seen.Mode().IsRegular() || links(seen) != 1 {
		d.fault(FaultKind)
		return nil, nil
	}
	file, err := f.root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if errors.Is(err, fs.ErrPermission) {
		d.fault(FaultKind)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("drop: take: %w", err)
	}
	opened, err := file.Stat()
	if err != nil || !os.SameFile(seen, opened) {
		d.fault(FaultKind)
		return nil, file.Close()
	}
	d.parts[len(d.parts)-1].file = file
	return file, nil
}

// Close closes the files of the delivery. A second call does nothing.
func (d *Delivery) Close() error {
	var errs []error
	for i, p := range d.parts {
		if p.file != nil {
			errs = append(errs, p.file.Close())
			d.parts[i].file = nil
		}
	}
	return errors.Join(errs...)
}
