package zone

import (
	"bytes"
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
// and segment, c<column>-s<segment>, and its manifests, manifest-<digest>: the one
// whose digest the registry names is in force, others come before it or after it
// for as long as keys are wrapped anew.
//
//	magic     "zonebox zone 2\n"
//	suite     one byte
//	signature length (uint16, big endian) and bytes
//	key       length (uint16) and the wrapped data key of manifests of the version
//	nonce     12 bytes
//	body      encryption of the JSON of manifestBody
//
// The signature covers suite, key, nonce, body and the names of zone, dataset and
// version. Column names and counts are in the body, so encrypted; what is known of
// a column's values is encrypted once more, under the key of the column: whoever
// has no key to a column learns its name, type and size from no manifest.
//
// A version that was written before there were suites has one file, manifest, of
// the first form (see manifestfirst.go).
const (
	manifestPrefix = "manifest-"
	manifestMagic  = "zonebox zone 2\n"
	manifestLimit  = 256 << 20
	nonceSize      = 12
)

// manifestBody is the encrypted part of a manifest.
type manifestBody struct {
	Columns  []columnBody `json:"columns"`  // as specified; then __entity, if the dataset has an entity
	Segments []int        `json:"segments"` // rows of each
	// Entity names the column of the entity keys, "" if the dataset has none. A
	// version without __entity has none; one written before the field was there
	// has __entity and does not say.
	Entity string `json:"entity,omitempty"`
	Stats  Stats  `json:"stats"` // without those of columns
}

type columnBody struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	Key    []byte  `json:"key,omitempty"` // wrapped
	Chunks []chunk `json:"chunks,omitempty"`
	Detail []byte  `json:"detail,omitempty"` // columnDetail, encrypted
	// Shredded says that the key was destroyed: nobody reads the column any more.
	Shredded bool `json:"shredded,omitempty"`
}

type chunk struct {
	Digest []byte  `json:"digest"` // of the file
	Size   int64   `json:"size"`   // of the file
	Bounds *bounds `json:"-"`      // part of the column's detail
}

// columnDetail is what a manifest tells of a column's values.
type columnDetail struct {
	Bounds []*bounds    `json:"bounds"` // by segment
	Stats  *ColumnStats `json:"stats,omitempty"`
}

// manifest is a manifest that was read and checked.
type manifest struct {
	manifestBody
	zone, dataset, version string

	suite   suiteParts
	first   bool   // of the first form
	wrapped []byte // data key of manifests
	file    string // name in the folder
	dir     string
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

// binding is the associated data of the manifest's own key and body.
func (m *manifest) binding() []byte { return binding("manifest", m.zone, m.dataset, m.version) }

func (m *manifest) detailBinding(column string) []byte {
	return binding("detail", m.zone, m.dataset, m.version, column)
}

// describe seals what is known of the values of column i under its key.
func (m *manifest) describe(i int, key dataKey) error {
	c := &m.Columns[i]
	d := columnDetail{}
	for _, k := range c.Chunks {
		d.Bounds = append(d.Bounds, k.Bounds)
	}
	if st, ok := m.Stats.Column(c.Name); ok {
		d.Stats = &st
	}
	plain, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("zone: encode manifest: %w", err)
	}
	c.Detail = key.seal(plain, key.detailNonce(), m.detailBinding(c.Name))
	return nil
}

// detail opens what is known of the values of column i: the bounds of its chunks,
// which it fills in, and its figures, nil if it has none.
func (m *manifest) detail(i int, key dataKey) (*ColumnStats, error) {
	c := &m.Columns[i]
	plain, err := key.open(bytes.Clone(c.Detail), key.detailNonce(), m.detailBinding(c.Name))
	var d columnDetail
	if err != nil || json.Unmarshal(plain, &d) != nil || len(d.Bounds) != len(c.Chunks) {
		return nil, m.corrupt(m.file)
	}
	for k := range c.Chunks {
		c.Chunks[k].Bounds = d.Bounds[k]
	}
	return d.Stats, nil
}

// seal returns the manifest file of m, whose columns are described, and its
// digest. Its key is new unless m has one; one that m has is wrapped already.
func (s *Store) seal(m *manifest, key dataKey) (file []byte, digest string, err error) {
	body := m.manifestBody
	body.Stats.Columns = nil
	plain, err := json.Marshal(body)
	if err != nil {
		return nil, "", fmt.Errorf("zone: encode manifest: %w", err)
	}
	aad := m.binding()
	if m.wrapped == nil {
		if key, m.wrapped, err = s.newKey(m.zone, m.suite, aad); err != nil {
			return nil, "", err
		}
	}
	if len(m.wrapped) > 1<<16-1 {
		return nil, "", fmt.Errorf("zone: wrapped key of %d bytes: %w", len(m.wrapped), ErrKey)
	}
	nonce := make([]byte, nonceSize)
	if err := s.draw(nonce); err != nil {
		return nil, "", err
	}
	signed := binary.BigEndian.AppendUint16(nil, uint16(len(m.wrapped)))
	signed = append(signed, m.wrapped...)
	signed = append(signed, nonce...)
	signed = append(signed, key.seal(plain, nonce, aad)...)

	sig := s.signer.Sign(m.signedText(signed))
	file = append([]byte(manifestMagic), m.suite.id)
	file = binary.BigEndian.AppendUint16(file, uint16(len(sig)))
	file = append(file, sig...)
	file = append(file, signed...)
	digest = hex.EncodeToString(m.suite.sum(file))
	m.file = manifestPrefix + digest
	return file, digest, nil
}

// signedText is what the signature of a manifest is over.
func (m *manifest) signedText(signed []byte) []byte {
	return append(append(m.binding(), m.suite.id), signed...)
}

// manifest reads the manifest whose digest the registry holds.
func (s *Store) manifest(zone, dataset, version, digest string) (*manifest, error) {
	if !validName(zone) || !validName(dataset) || !validVersion(version) {
		return nil, fmt.Errorf("zone: open version: %w", ErrNotFound)
	}
	m := &manifest{zone: zone, dataset: dataset, version: version,
		dir: filepath.Join(s.datasetDir(zone, dataset), version), file: manifestPrefix + digest}
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("zone: open %s/%s/%s: %w", zone, dataset, version, ErrNotFound)
	}
	if !validDigest(digest) {
		return nil, m.corrupt(manifestPrefix + "?")
	}
	if _, err := os.Lstat(filepath.Join(m.dir, firstManifest)); err == nil {
		if _, err := os.Lstat(filepath.Join(m.dir, m.file)); errors.Is(err, fs.ErrNotExist) {
			m.file = firstManifest
		}
	}
	file, err := m.load(m.file)
	if err != nil {
		return nil, err
	}
	if m.file == firstManifest {
		return m, s.openFirst(m, file, digest)
	}
	return m, s.openManifest(m, file, digest)
}

// load reads a file of the version that is held in memory as a whole.
func (m *manifest) load(name string) ([]byte, error) {
	path := filepath.Join(m.dir, name)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > manifestLimit {
		return nil, m.corrupt(name)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, m.corrupt(name)
	}
	return file, nil
}

// openManifest checks digest and signature of file, decrypts it and fills m.
func (s *Store) openManifest(m *manifest, file []byte, digest string) error {
	bad := m.corrupt(m.file)
	signed, ok := s.signedPart(m, file)
	if !ok || digest != hex.EncodeToString(m.suite.sum(file)) {
		return bad
	}
	wrapped, body, ok := cutBlock(signed)
	if !ok || len(body) < nonceSize {
		return bad
	}
	key, err := s.unwrap(m.zone, m.suite, wrapped, m.binding())
	if err != nil {
		return err
	}
	plain, err := key.open(body[nonceSize:], body[:nonceSize], m.binding())
	if err != nil {
		return bad
	}
	m.wrapped = wrapped
	if err := json.Unmarshal(plain, &m.manifestBody); err != nil {
		return bad
	}
	for _, c := range m.Columns {
		if !c.Shredded && len(c.Chunks) != len(m.Segments) {
			return bad
		}
	}
	return nil
}

// signedPart returns what the signature of a manifest file is over, suite and
// names aside, and false if the signature is not good. It sets the suite.
func (s *Store) signedPart(m *manifest, file []byte) (signed []byte, ok bool) {
	rest, ok := bytes.CutPrefix(file, []byte(manifestMagic))
	if !ok || len(rest) == 0 {
		return nil, false
	}
	if m.suite, ok = suiteOf(rest[0]); !ok {
		return nil, false
	}
	sig, signed, ok := cutBlock(rest[1:])
	return signed, ok && s.signer.Verify(m.signedText(signed), sig)
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

// validDigest reports whether d is a digest as seal writes it.
func validDigest(d string) bool {
	b, err := hex.DecodeString(d)
	return err == nil && len(b) == 32 && strings.ToLower(d) == d
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
