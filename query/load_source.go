package query

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/policy"
	"zonebox/sandbox"
)

// A delivery of a source has no file of which its manifest could state a digest.
// Its own is that of its rows in the order in which they came, and stands in the
// lineage of the version. Rows may be stated; 0 leaves them to be counted.

// stated is what the manifest says of the delivery, as policy compares it.
func (l *loading) stated() policy.Receipt {
	m := l.manifest
	r := policy.Receipt{Grant: m.Grant, SchemaSHA256: m.SchemaSHA256, Rows: m.Rows, Digest: m.SHA256}
	if m.Source != "" && m.SHA256 == "" {
		sum := sha256.Sum256([]byte(m.Source + "/" + m.Table))
		r.Digest = hex.EncodeToString(sum[:])
	}
	return r
}

// complete writes into the manifest of a source's delivery what it left to be found.
func (l *loading) complete(found policy.Receipt) {
	if m := &l.manifest; m.Source != "" {
		m.SHA256 = found.Digest
		if m.Rows == 0 {
			m.Rows = found.Rows
		}
	}
}

// source returns the source that the manifest names, which holds data of the
// provider that the catalogue names: rows of one are not loaded as another's.
func (l *loading) source() (Source, error) {
	s, err := l.engine.source(l.manifest.Source, "")
	if err == nil && s.Provider != l.dataset.Spec.Provider {
		err = fail("LOAD_SOURCE", nil).because("该来源的数据不属于目录所写的提供单位", "the source holds data of another provider than the catalogue names")
	}
	return s, err
}

// delivery returns what the worker reads, the digest of it once it was read, and
// what ends it. seen gets the bytes of a file.
func (l *loading) delivery(data io.Reader, columns []sandbox.Column, seen io.Writer) (d sandbox.Delivery, digest hash.Hash, end func(), err error) {
	m := l.manifest
	digest = sha256.New()
	if m.Source == "" {
		return sandbox.Delivery{Format: m.Format, Columns: columns, Source: io.TeeReader(data, io.MultiWriter(digest, seen)), Packing: m.Packing, Encoding: m.Encoding,
			Delimiter: m.delimiter(), Sheet: m.Sheet, Table: m.Table}, digest, func() {}, nil
	}
	source, err := l.source()
	if err != nil {
		return d, nil, nil, err
	}
	database, err := l.engine.dial(l.ctx, source, m.Table)
	if err != nil {
		return d, nil, nil, err
	}
	return sandbox.Delivery{Columns: columns, Table: m.Table, Database: database}, digest, func() { _ = database.Conn.Close() }, nil
}

// A rowDigest is the observer that digests the rows of a source's delivery: of each
// value its length and its text, of null a mark.
type rowDigest struct{ sum hash.Hash }

// Add implements observer.
func (d rowDigest) Add(batch arrow.RecordBatch) error {
	var buf []byte
	for r := range int(batch.NumRows()) {
		buf = buf[:0]
		for _, c := range batch.Columns() {
			if c.IsNull(r) {
				buf = append(buf, 0)
				continue
			}
			v := c.ValueStr(r)
			buf = append(binary.AppendUvarint(append(buf, 1), uint64(len(v))), v...)
		}
		d.sum.Write(buf)
	}
	return nil
}
