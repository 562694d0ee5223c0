package zone

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// The first form of a manifest is one file of that name, always AES-256-GCM with
// SHA-256. What is known of values stands in its body beside the rest:
//
//	magic     "zonebox zone 1\n"
//	signature length (uint16, big endian) and bytes
//	key       length (uint16) and the wrapped data key of the body
//	body      AES-256-GCM of the JSON of firstBody, under a nonce of zeros
//
// The signature covers key, body and the names of zone, dataset and version. Such
// manifests are read; Rewrap writes the present form beside them.
const (
	firstManifest = "manifest"
	firstMagic    = "zonebox zone 1\n"
)

type firstBody struct {
	Columns []struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Key    []byte `json:"key"`
		Chunks []struct {
			SHA256 []byte  `json:"sha256"`
			Size   int64   `json:"size"`
			Bounds *bounds `json:"bounds,omitempty"`
		} `json:"chunks"`
	} `json:"columns"`
	Segments []int  `json:"segments"`
	Entity   string `json:"entity,omitempty"`
	Stats    Stats  `json:"stats"`
}

// openFirst is openManifest for the first form.
func (s *Store) openFirst(m *manifest, file []byte, digest string) error {
	bad := m.corrupt(firstManifest)
	if sum := sha256.Sum256(file); digest != hex.EncodeToString(sum[:]) {
		return bad
	}
	signed, ok := s.signedFirst(m, file)
	if !ok {
		return bad
	}
	wrapped, body, ok := cutBlock(signed)
	if !ok {
		return bad
	}
	m.suite, m.first, m.wrapped = suites[0], true, wrapped
	key, err := s.unwrap(m.zone, m.suite, wrapped, m.binding())
	if err != nil {
		return err
	}
	plain, err := key.open(body, key.chunkNonce(0), m.binding())
	if err != nil {
		return bad
	}
	var b firstBody
	if err := json.Unmarshal(plain, &b); err != nil {
		return bad
	}
	m.Segments, m.Entity, m.Stats = b.Segments, b.Entity, b.Stats
	for _, c := range b.Columns {
		if len(c.Chunks) != len(b.Segments) {
			return bad
		}
		column := columnBody{Name: c.Name, Type: c.Type, Key: c.Key}
		for _, k := range c.Chunks {
			column.Chunks = append(column.Chunks, chunk{Digest: k.SHA256, Size: k.Size, Bounds: k.Bounds})
		}
		m.Columns = append(m.Columns, column)
	}
	return nil
}

// signedFirst is signedPart for the first form.
func (s *Store) signedFirst(m *manifest, file []byte) (signed []byte, ok bool) {
	rest, ok := bytes.CutPrefix(file, []byte(firstMagic))
	if !ok {
		return nil, false
	}
	sig, signed, ok := cutBlock(rest)
	return signed, ok && s.signer.Verify(append(m.binding(), signed...), sig)
}
