package query

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"zonebox/registry"
)

// Manifest is what a provider says of a delivery. Load compares every field
// with what it finds.
type Manifest struct {
	Zone     string `json:"zone"`
	Dataset  string `json:"dataset"`
	Grant    string `json:"grant"`              // an approved grant of this dataset
	Format   string `json:"format,omitempty"`   // csv, tsv, json, jsonl, parquet, arrow, xlsx or sqlite; empty of a source
	Encoding string `json:"encoding,omitempty"` // of a text: utf-8, gb18030, gbk, utf-16le, utf-16be or auto; else empty
	Rows     int64  `json:"rows"`               // data rows, header not counted; of a source 0 leaves them to be counted
	SHA256   string `json:"sha256"`             // of the file as delivered, hex; empty of a source
	Acquired string `json:"acquired"`           // date the provider took the data, 2006-01-02
	// SchemaSHA256 is registry.Dataset.SchemaSHA256 of the entry that the delivery
	// was made for, hex.
	SchemaSHA256 string `json:"schema_sha256"`
	// Packing is none, gzip, zstd, or zip for an archive of one file. Empty: the
	// file's first bytes tell.
	Packing string `json:"packing,omitempty"`
	// Delimiter separates the fields of csv: one character. Empty: the header tells,
	// by comma, tab, semicolon or pipe.
	Delimiter string `json:"delimiter,omitempty"`
	// Sheet names a sheet of an xlsx workbook; empty is the first.
	Sheet string `json:"sheet,omitempty"`
	// Mode is full (or empty), append or upsert; the last two build on the data
	// version Base, which must be the current one.
	Mode string `json:"mode,omitempty"`
	Base string `json:"base,omitempty"`
	// Source names a database of the data centre (Sources) and Table a table of it,
	// in place of a file; or Table is one of a sqlite file, empty its only one.
	Source string `json:"source,omitempty"`
	Table  string `json:"table,omitempty"`
	// Signature is a person's of the provider, over everything else.
	Signature *registry.Signature `json:"signature,omitempty"`
}

// Modes of a delivery: all of a dataset, rows more, or rows that replace those
// of their key.
const (
	ModeFull   = "full"
	ModeAppend = "append"
	ModeUpsert = "upsert"
)

// maxManifest bounds the text of a manifest.
const maxManifest = 64 << 10

// DecodeManifest reads a manifest from JSON. A field that is unknown, given
// twice or in another spelling of case is an error, and so is anything after it.
func DecodeManifest(text []byte) (Manifest, error) {
	var m Manifest
	if len(text) > maxManifest {
		return m, fmt.Errorf("query: manifest of more than %d bytes", maxManifest)
	}
	if err := oneSpelling(text); err != nil {
		return m, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("query: manifest: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return m, errors.New("query: manifest: something follows it")
	}
	return m, nil
}

// oneSpelling refuses a field twice and a name in capitals: encoding/json takes
// either, and whoever signed may have read the other.
func oneSpelling(text []byte) error {
	if err := registry.NoDuplicates(text); err != nil {
		return fmt.Errorf("query: manifest: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return errors.New("query: manifest: not an object")
	}
	if misspelled(fields) {
		return errors.New("query: manifest: a field is spelled in other letters than its own")
	}
	fields, signature := nil, fields["signature"]
	if signature == nil {
		return nil
	}
	if err := json.Unmarshal(signature, &fields); err != nil || misspelled(fields) {
		return errors.New("query: manifest: a field of the signature is spelled in other letters than its own")
	}
	return nil
}

// misspelled reports whether a name has other letters than those of fields, which
// are small ones of ASCII: encoding/json takes more than capitals for them.
func misspelled(fields map[string]json.RawMessage) bool {
	for name := range fields {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return true
		}
	}
	return false
}

// delimiters are what may separate the fields of a csv: no character of a
// number, a date or a word, nor a quote or an end of line. \x01 is Hive's.
const delimiters = ",;|\t^~:\x01"

// readable returns "", or why no reader takes files as the manifest says this
// one is.
func (m Manifest) readable() (zh, en string) {
	if m.Source != "" {
		if m.Table == "" || m.Format+m.Encoding+m.Packing+m.Delimiter+m.Sheet+m.SHA256 != "" {
			return "数据库来源的清单须写表名(table),不写文件的格式与摘要", "the manifest of a source names a table, and nothing of a file: no format, no digest"
		}
		return "", ""
	}
	switch m.Format {
	case "csv", "tsv", "json", "jsonl":
		if !slices.Contains([]string{"utf-8", "gb18030", "gbk", "utf-16le", "utf-16be", "auto"}, m.Encoding) {
			return "文本格式的编码须为 utf-8、gb18030、gbk、utf-16le、utf-16be 或 auto(按文件判断)", "the format is a text: its encoding must be utf-8, gb18030, gbk, utf-16le, utf-16be or auto, which the file tells"
		}
	case "parquet", "arrow", "xlsx", "sqlite":
		if m.Encoding != "" && m.Encoding != "utf-8" {
			return "只有文本格式可有 utf-8 以外的编码", "only the format of a text has another encoding than utf-8"
		}
	default:
		return "格式须为 csv、tsv、json、jsonl、parquet、arrow、xlsx 或 sqlite", "the format must be csv, tsv, json, jsonl, parquet, arrow, xlsx or sqlite"
	}
	if m.Table != "" && m.Format != "sqlite" {
		return "只有 sqlite 格式与数据库来源有表", "only the format sqlite and a source have a table"
	}
	if m.Delimiter != "" && (m.Format != "csv" || len(m.Delimiter) != 1 || !strings.Contains(delimiters, m.Delimiter)) {
		return "只有 csv 格式有分隔符,且须为 , ; | ^ ~ : 制表符或 \\x01 之一", "only the format csv has a delimiter, one of , ; | ^ ~ : tab or \\x01"
	}
	if m.Sheet != "" && m.Format != "xlsx" {
		return "只有 xlsx 格式有工作表", "only the format xlsx has a sheet"
	}
	if !slices.Contains([]string{"", "none", "gzip", "zstd", "zip"}, m.Packing) {
		return "打包方式须为 none、gzip、zstd 或 zip", "the packing must be none, gzip, zstd or zip"
	}
	return "", ""
}

// isDigest reports whether s is a SHA-256 in small hex digits.
func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && s == strings.ToLower(s)
}

// day returns the date the data were taken, and whether it is one.
func (m Manifest) day() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, m.Acquired)
	return t, err == nil
}

// delimiter returns what separates the fields of a csv, 0 for the format's own.
func (m Manifest) delimiter() byte {
	if m.Delimiter == "" {
		return 0
	}
	return m.Delimiter[0]
}

// KindManifest is the kind of document as which a manifest is signed. The registry
// holds none.
const KindManifest = "DeliveryManifest"

// document returns what a signature on the manifest is over: all of it but the
// signature, named after the dataset, in the canonical form of documents.
func (m Manifest) document() registry.Document {
	m.Signature = nil
	spec, err := json.Marshal(m)
	if err != nil {
		return registry.Document{} // verifies nothing
	}
	return registry.Document{Kind: KindManifest, Name: m.Dataset, Spec: spec}
}

// digest identifies what the manifest says, whoever signed it: the SHA-256 of its
// canonical form, hex.
func (m Manifest) digest() string {
	sum := sha256.Sum256(m.document().Payload())
	return hex.EncodeToString(sum[:])
}

// Sign returns the manifest with the signature of a person of the provider, in
// place of one that it has.
func (m Manifest) Sign(by string, key ed25519.PrivateKey, at time.Time) Manifest {
	d := m.document()
	d.Sign(by, key, at)
	m.Signature = &d.Signatures[0]
	return m
}

// whole reports whether a reader needs the file as a whole to begin.
func (m Manifest) whole() bool {
	return m.Packing == "zip" || slices.Contains([]string{"parquet", "arrow", "xlsx"}, m.Format)
}
