package zone

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A version is a folder <zone>/<dataset>/<version> holding one file per column
// and segment, c<column>-s<segment>, and the file manifest:
//
//	magic     "zonebox zone 1\n"
//	signature length (uint16, big endian) and bytes
//	key       length (uint16) and the wrapped data key of the body
//	body      AES-256-GCM of the JSON of manifestBody
//
// The signature covers key, body and the names of zone, dataset and version.
// Column names, statistics and bounds are in the body, so encrypted.
const (
	manifestFile  = "manifest"
	manifestMagic = "zonebox zone 1\n"
	manifestLimit = 256 << 20
)

// manifestBody is the encrypted part of a manifest.
type manifestBody struct {
	Columns  []columnBody `json:"columns"`  // as specified; then __entity, if the dataset has an entity
	Segments []int        `json:"segments"` // rows of each
	// Entity names the column of the entity keys, "" if the dataset has none. A
	// version without __entity has none; one written before the field was there
	// has __entity and does not say.
	Entity string `json:"entity,omitempty"`
	Stats  Stats  `json:"stats"`
}

type columnBody struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	Key    []byte  `json:"key"` // wrapped
	Chunks []chunk `json:"chunks"`
}

type chunk struct {
	SHA256 []byte  `json:"sha256"` // of the file
	Size   int64   `json:"size"`   // of the file
	Bounds *bounds `json:"bounds,omitempty"`
}

// manifest is a manifest that was read and checked.
type manifest struct {
	manifestBody
	zone, dataset, version string
	dir                    string
}

func chunkFile(column, segment int) string { return fmt.Sprintf("c%03d-s%05d", column, segment) }

func (m *manifest) corrupt(file string) error {
	return &IntegrityError{Zone: m.zone, Dataset: m.dataset, Version: m.version, File: file}
}

func (m *manifest) column(name string) int {
	for i, c := range m.Columns {
		if c.Name == name {
			return i
		}
	}
	return -1
}

// binding joins names so that no two lists of names give the same bytes. It is
// the associated data of every wrapped key and ciphertext.
func binding(names ...string) []byte {
	var b []byte
	for _, n := range names {
		b = binary.BigEndian.AppendUint32(b, uint32(len(n)))
		b = append(b, n...)
	}
	return b
}

// seal returns the manifest file of m and its digest.
func (s *Store) seal(m *manifest) (file []byte, digest string, err error) {
	plain, err := json.Marshal(m.manifestBody)
	if err != nil {
		return nil, "", fmt.Errorf("zone: encode manifest: %w", err)
	}
	aad := binding("manifest", m.zone, m.dataset, m.version)
	key, wrapped, err := s.newKey(m.zone, aad)
	if err != nil {
		return nil, "", err
	}
	if len(wrapped) > 1<<16-1 {
		return nil, "", fmt.Errorf("zone: wrapped key of %d bytes: %w", len(wrapped), ErrKey)
	}
	signed := binary.BigEndian.AppendUint16(nil, uint16(len(wrapped)))
	signed = append(signed, wrapped...)
	signed = append(signed, key.seal(plain, 0, aad)...)

	sig := s.signer.Sign(append(aad, signed...))
	file = binary.BigEndian.AppendUint16([]byte(manifestMagic), uint16(len(sig)))
	file = append(file, sig...)
	file = append(file, signed...)
	sum := sha256.Sum256(file)
	return file, hex.EncodeToString(sum[:]), nil
}

// manifest reads the manifest whose digest the registry holds.
func (s *Store) manifest(zone, dataset, version, digest string) (*manifest, error) {
	m, file, err := s.readManifest(zone, dataset, version)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(file); digest != hex.EncodeToString(sum[:]) {
		return nil, m.corrupt(manifestFile)
	}
	return m, s.openManifest(m, file)
}

// signedManifest reads a manifest that only its signature vouches for.
func (s *Store) signedManifest(zone, dataset, version string) (*manifest, error) {
	m, file, err := s.readManifest(zone, dataset, version)
	if err != nil {
		return nil, err
	}
	return m, s.openManifest(m, file)
}

func (s *Store) readManifest(zone, dataset, version string) (*manifest, []byte, error) {
	if !validName(zone) || !validName(dataset) || !validVersion(version) {
		return nil, nil, fmt.Errorf("zone: open version: %w", ErrNotFound)
	}
	m := &manifest{zone: zone, dataset: dataset, version: version,
		dir: filepath.Join(s.datasetDir(zone, dataset), version)}
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("zone: open %s/%s/%s: %w", zone, dataset, version, ErrNotFound)
	}
	path := filepath.Join(m.dir, manifestFile)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > manifestLimit {
		return nil, nil, m.corrupt(manifestFile)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, m.corrupt(manifestFile)
	}
	return m, file, nil
}

// openManifest checks the signature of file, decrypts it and fills m.
func (s *Store) openManifest(m *manifest, file []byte) error {
	bad := m.corrupt(manifestFile)
	rest, ok := bytes.CutPrefix(file, []byte(manifestMagic))
	if !ok {
		return bad
	}
	sig, signed, ok := cutBlock(rest)
	aad := binding("manifest", m.zone, m.dataset, m.version)
	if !ok || !s.signer.Verify(append(aad[:len(aad):len(aad)], signed...), sig) {
		return bad
	}
	wrapped, body, ok := cutBlock(signed)
	if !ok {
		return bad
	}
	key, err := s.unwrap(m.zone, wrapped, aad)
	if err != nil {
		return err
	}
	plain, err := key.open(body, 0, aad)
	if err != nil {
		return bad
	}
	if err := json.Unmarshal(plain, &m.manifestBody); err != nil {
		return bad
	}
	for _, c := range m.Columns {
		if len(c.Chunks) != len(m.Segments) {
			return bad
		}
	}
	return nil
}

// cutBlock splits b into a block of the uint16 length it starts with and the rest.
func cutBlock(b []byte) (block, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}

// validVersion reports whether v is a name that Store.name gives.
func validVersion(v string) bool {
	b, ok := strings.CutPrefix(v, "v")
	if !ok || len(b) != 16 || strings.ToLower(b) != b {
		return false
	}
	_, err := base32.StdEncoding.DecodeString(strings.ToUpper(b))
	return err == nil
}
