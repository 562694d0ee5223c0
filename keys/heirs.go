package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Heir is a data key that lives on: wrapped by the newest version of its zone's
// key, and what it is bound to.
type Heir struct{ Wrapped, Binding []byte }

// maxHeirsFile bounds the file of heirs, in bytes: some 200,000 columns.
const maxHeirsFile = 64 << 20

const heirsSuffix = ".heirs"

type heirsDocument struct {
	Format string            `json:"format"`
	Heirs  map[string][]byte `json:"heirs"` // wrapped, by heirOf
}

const heirsFormat = "zonebox-heirs-1"

// heirOf names a data key by what it is bound to: a column of a version has one
// for ever.
func heirOf(binding []byte) string {
	sum := sha256.Sum256(binding)
	return hex.EncodeToString(sum[:])
}

// Inherit notes which data keys of a zone live on under the newest version of its
// key, and nothing else of what was noted before. An older manifest, as a backup
// holds one, then opens with them once the version that wrapped it is destroyed;
// what is not among them is lost with that version. It returns when that is
// durable: call it before the version is destroyed.
func (f *Folder) Inherit(zone string, heirs []Heir) error {
	if err := f.inherit(zone, heirs); err != nil {
		return fmt.Errorf("keys: inherit data keys: %w", err)
	}
	return nil
}

func (f *Folder) inherit(zone string, heirs []Heir) error {
	f.changing.Lock()
	defer f.changing.Unlock()
	z, err := f.zone(zone)
	if err != nil {
		return err
	}
	v, err := z.current()
	if err != nil {
		return err
	}
	d := heirsDocument{Format: heirsFormat, Heirs: map[string][]byte{}}
	for _, h := range heirs {
		dek, err := v.unwrapKey(h.Wrapped, bind("dek", zone, string(h.Binding)))
		clear(dek)
		if err != nil { // nobody's word is taken for what opens
			return fmt.Errorf("a key that the newest version does not open: %w", ErrDamaged)
		}
		d.Heirs[heirOf(h.Binding)] = h.Wrapped
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if len(data) > maxHeirsFile {
		return fmt.Errorf("%d data keys are too many", len(heirs))
	}
	defer f.forgetZone(zone)
	return writeFile(filepath.Join(f.dir, heirsName(zone)), data)
}

func heirsName(zone string) string { return member(zoneFolder, zone) + heirsSuffix }

// readHeirs returns what Inherit noted, nothing if it never did.
func (f *Folder) readHeirs(zone string) (map[string][]byte, error) {
	name := heirsName(zone)
	data, err := readPrivateUpTo(filepath.Join(f.dir, name), maxHeirsFile)
	if errors.Is(err, ErrNoKey) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var d heirsDocument
	if err := decodeStrict(data, &d); err != nil || d.Format != heirsFormat {
		return nil, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	return d.Heirs, nil
}

// inherited returns the data key that lives on for what aad names; ErrDamaged if
// none does, as unwrap said.
func (f *Folder) inherited(zone string, aad []byte) ([]byte, error) {
	z, err := f.zone(zone)
	if err != nil {
		return nil, err
	}
	wrapped, ok := z.heirs[heirOf(aad)]
	if !ok {
		return nil, ErrDamaged
	}
	for _, v := range z.live {
		if dek, err := v.unwrapKey(wrapped, bind("dek", zone, string(aad))); err == nil {
			return dek, nil
		}
	}
	return nil, ErrDamaged
}

// dropHeirs removes what Inherit noted, which opens nothing any more.
func (f *Folder) dropHeirs(zone string) error {
	path := filepath.Join(f.dir, heirsName(zone))
	if err := os.Remove(path); err != nil {
		if errors.Is(noKey(err), ErrNoKey) {
			return nil
		}
		return err
	}
	return syncDir(filepath.Dir(path))
}
