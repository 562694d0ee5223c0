package drop

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
)

// ids are those a load may have, and with it a folder.
var ids = regexp.MustCompile(`^[a-z]+-[0-9a-v]{26}$`)

// Settle writes the receipt of a delivery and then moves it aside, into
// done/ID/ if it was loaded and refused/ID/ if not, with a copy of the receipt.
// The receipt stands in receipts/NAME.receipt.json, or under the id if the
// delivery has no name that the contract allows or if that place is a folder. What
// was put in the place of one of its files meanwhile stays where it is. After an
// error nothing was lost, and Settle may be called again with the same delivery.
func (f *Folder) Settle(d *Delivery, id string, loaded bool, receipt []byte) error {
	if !ids.MatchString(id) {
		return fmt.Errorf("drop: settle: %q is no id of a load", id)
	}
	called := d.Name
	if d.Fault == FaultName {
		called = id
	}
	aside := path.Join(Refused, id)
	if loaded {
		aside = path.Join(Done, id)
	}
	if err := f.folder(aside); err != nil {
		return err
	}
	if info, err := f.root.Lstat(path.Join(Receipts, called+ReceiptSuffix)); err == nil && info.IsDir() {
		called = id // somebody took the name: nobody else waits for that
	}
	for _, name := range []string{path.Join(Receipts, called+ReceiptSuffix), path.Join(aside, called+ReceiptSuffix)} {
		if err := f.write(name, receipt); err != nil {
			return err
		}
	}
	m := move{To: aside}
	for _, p := range d.parts {
		m.Parts = append(m.Parts, moved{p.name, numberOf(p.info)})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("drop: settle: %w", err)
	}
	note := path.Join(pending, id+".json")
	if err := f.write(note, text); err != nil {
		return err
	}
	if err := f.carry(note, m); err != nil {
		return err
	}
	return d.Close()
}

// A move is files on their way aside.
type move struct {
	To    string  `json:"to"`
	Parts []moved `json:"parts"`
}

// moved is a file by its name and by what it is.
type moved struct {
	Name   string    `json:"name"`
	Number [3]uint64 `json:"number"`
}

// numberOf tells a file from every other: its device, its number on it, and when
// it was written to last, since numbers are used again.
func numberOf(info fs.FileInfo) [3]uint64 {
	device, number := inode(info)
	return [3]uint64{device, number, uint64(info.ModTime().UnixNano())}
}

// carry makes the move and forgets it.
func (f *Folder) carry(note string, m move) error {
	for _, p := range m.Parts {
		if !local(p.Name) {
			return fmt.Errorf("drop: move: %s names another folder", note)
		}
		now, err := f.root.Lstat(p.Name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && numberOf(now) != p.Number {
			continue // moved already, or another file by now
		}
		if err == nil {
			err = f.root.Rename(p.Name, path.Join(m.To, p.Name))
		}
		if err != nil {
			return fmt.Errorf("drop: move: %w", err)
		}
	}
	for _, dir := range []string{m.To, "."} { // before it is forgotten
		if err := f.sync(dir); err != nil {
			return fmt.Errorf("drop: move: %w", err)
		}
	}
	if err := f.root.Remove(note); err != nil {
		return fmt.Errorf("drop: move: %w", err)
	}
	return f.sync(pending)
}

// finish makes the moves that an earlier process began.
func (f *Folder) finish() error {
	dir, err := f.root.Open(pending)
	if err != nil {
		return fmt.Errorf("drop: finish: %w", err)
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return fmt.Errorf("drop: finish: %w", err)
	}
	for _, e := range entries {
		note := path.Join(pending, e.Name())
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !ids.MatchString(id) {
			if err := f.root.Remove(note); err != nil { // half written, or nobody's
				return fmt.Errorf("drop: finish: %w", err)
			}
			continue
		}
		text, err := f.root.ReadFile(note)
		if err != nil {
			return fmt.Errorf("drop: finish: %w", err)
		}
		var m move
		if err := json.Unmarshal(text, &m); err != nil || m.To != path.Join(Done, id) && m.To != path.Join(Refused, id) {
			return fmt.Errorf("drop: finish: %s is damaged", note)
		}
		if err := f.carry(note, m); err != nil {
			return err
		}
	}
	return nil
}

// write puts a whole file in its place at once, durably.
func (f *Folder) write(name string, text []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("drop: write %s: %w", path.Dir(name), err)
		}
	}()
	half := path.Join(pending, rand.Text()+".half")
	file, err := f.root.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = f.root.Rename(half, name)
	}
	if err != nil {
		return errors.Join(err, f.root.Remove(half))
	}
	return f.sync(path.Dir(name))
}

// sync makes the entries of a folder durable.
func (f *Folder) sync(name string) error {
	dir, err := f.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Erase empties the data file of a delivery that was loaded, which lies aside.
func (f *Folder) Erase(d *Delivery, id string) error {
	dir := path.Join(Done, id)
	if err := f.root.Remove(path.Join(dir, d.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop: erase: %w", err)
	}
	if err := f.sync(dir); err != nil { // a power cut does not bring it back
		return fmt.Errorf("drop: erase: %w", err)
	}
	return nil
}
