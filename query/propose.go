package query

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/detect"
	"zonebox/registry"
	"zonebox/sandbox"
)

// ProposalRequest asks what a file or a table that no entry describes looks like. Format and
// Encoding may be left empty: they are found.
type ProposalRequest struct {
	SHA256   string `json:"sha256"` // of the file, hex
	Format   string `json:"format,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	Sheet    string `json:"sheet,omitempty"`
	// Source and Table name a table of a database of the data centre in place of a
	// file; SHA256 is then that of no bytes.
	Source string `json:"source,omitempty"`
	Table  string `json:"table,omitempty"`
}

// Proposal is what a catalogue entry and a manifest of a file may say: names of
// columns, types, counts and reasons, never a value. It is a proposal: the
// provider decides, and nothing here is in force.
type Proposal struct {
	SHA256    string           `json:"sha256,omitempty"`
	Source    string           `json:"source,omitempty"` // and Table, of the request
	Table     string           `json:"table,omitempty"`
	Format    string           `json:"format"`
	Encoding  string           `json:"encoding,omitempty"`
	Packing   string           `json:"packing,omitempty"`
	Delimiter string           `json:"delimiter,omitempty"`
	Tables    []string         `json:"tables,omitempty"` // sheets
	Header    bool             `json:"header"`
	Rows      int64            `json:"rows"`
	Sample    int64            `json:"sample"` // rows that classes and distinct values are told by
	Columns   []ProposedColumn `json:"columns"`
	Personal  bool             `json:"personal_info"`    // some column speaks of people
	Entity    string           `json:"entity,omitempty"` // the likeliest column that says whom a row is about
}

// ProposedColumn is what an entry may say of one column.
type ProposedColumn struct {
	Name     string `json:"name"`
	Title    string `json:"title,omitempty"`
	Type     string `json:"type"` // as catalogues spell it; empty if no type takes the values
	Nullable bool   `json:"nullable"`
	Class    string `json:"class,omitempty"`
	PIKind   string `json:"pi_kind,omitempty"`
	Personal *bool  `json:"personal_info,omitempty"` // nil: undecided
	// Level is 0 where it is doubtful: then somebody has to decide. Least is the
	// least that what was found asks for, 0 if nothing was.
	Level int `json:"level,omitempty"`
	Least int `json:"least,omitempty"`

	Distinct int64 `json:"distinct"` // of the sample, about
	Key      bool  `json:"key"`      // no two rows of the sample have the same
	Codes    bool  `json:"codes"`    // few enough to be a public code list, which the provider lists

	WhyZH string `json:"why_zh"`
	WhyEN string `json:"why_en"`
}

// Propose has a worker read a file and proposes what its entry and manifest may
// say. Nothing of the file is kept. It is for people of providers and of the data
// centre; that they looked is an entry of the log before they are told.
func (e *Engine) Propose(ctx context.Context, s Subject, in ProposalRequest, data io.Reader) (*Proposal, error) {
	if !s.any(registry.RoleProvider, registry.RoleDataCentre) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if !isDigest(in.SHA256) {
		return nil, BadRequest("缺少文件的 SHA-256", "the SHA-256 of the file is missing")
	}
	if in.Source != "" && in.Format+in.Encoding+in.Sheet != "" || in.Source == "" && in.Table != "" {
		return nil, BadRequest("来源须与表同写,不写格式、编码与工作表", "a source goes with a table, and with no format, encoding or sheet")
	}
	ctx, end := e.reading(ctx, apart)
	defer end()
	data, from, err := e.steady(ctx, data)
	defer from.end()
	if err != nil {
		return nil, (&loading{engine: e, ctx: ctx, sender: from}).loadError(err)
	}
	t, _, err := e.loads.join(ctx, s.organization, dataset{name: "proposals of " + s.user}, e.cfg.Memory, func(*loadTurn) {})
	if errors.Is(err, errQueueFull) {
		return nil, busyLoads(err)
	}
	if errors.Is(err, errStopped) {
		return nil, fail("STOPPING", err)
	}
	if err != nil {
		return nil, fail("STOPPED", err)
	}
	defer t.leave()
	w, err := e.worker(ctx)
	if err != nil {
		return nil, asError(err)
	}
	defer w.Close()
	sum := sha256.New()
	raw := io.TeeReader(data, sum)
	looks := &looks{}
	what, over, err := e.proposed(ctx, s, in, raw)
	if err != nil {
		return nil, err
	}
	defer over()
	shape, err := w.Inspect(ctx, what, 0, looks.add)
	if err == nil {
		_, err = io.Copy(io.Discard, raw)
	}
	if err != nil {
		return nil, (&loading{engine: e, ctx: ctx, sender: from}).loadError(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != in.SHA256 {
		return nil, BadRequest("文件与所签摘要不符", "the file is not the one whose digest was signed")
	}
	out := looks.propose(shape)
	fields := map[string]string{"columns": fmt.Sprint(len(out.Columns)), "rows": fmt.Sprint(out.Rows), "org": s.organization}
	if in.Source != "" {
		out.Source, out.Table = in.Source, in.Table
		fields["source"], fields["table"] = in.Source, in.Table
	} else {
		out.SHA256 = in.SHA256
		fields["digest"] = in.SHA256
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := s.standsIn(tx); err != nil { // a file is long on its way
			return err
		}
		return tx.Emit(registry.Event{Kind: "delivery.inspected", Actor: s.user, Fields: fields})
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// proposed returns what the worker looks at, and what ends it. A table is looked at
// by the data centre, and by people of the provider whose data its source holds.
func (e *Engine) proposed(ctx context.Context, s Subject, in ProposalRequest, raw io.Reader) (d sandbox.Delivery, end func(), err error) {
	if in.Source == "" {
		return sandbox.Delivery{Format: in.Format, Encoding: cmp.Or(in.Encoding, "auto"), Sheet: in.Sheet, Source: raw}, func() {}, nil
	}
	provider := s.organization
	if s.any(registry.RoleDataCentre) {
		provider = ""
	}
	source, err := e.source(in.Source, provider)
	if err != nil {
		return d, nil, err
	}
	database, err := e.dial(ctx, source, in.Table)
	if err != nil {
		return d, nil, err
	}
	return sandbox.Delivery{Table: in.Table, Database: database}, func() { _ = database.Conn.Close() }, nil
}

// headroom is how many digits before the point a proposed decimal has beyond those
// of the greatest value there was: the next delivery has a greater one.
const headroom = 2

// roomier returns a type with headroom, if values alone tell it.
func roomier(c sandbox.ShapeColumn) string {
	var precision, scale int
	if n, err := fmt.Sscanf(c.Type, "DECIMAL(%d,%d)", &precision, &scale); c.Stated || n != 2 || err != nil {
		return c.Type
	}
	return fmt.Sprintf("DECIMAL(%d,%d)", min(precision+headroom, 38), scale)
}

// looks profiles a sample of a file. It keeps counts and hashes, no values.
type looks struct {
	profiles []*detect.Profiler
	rows     int64
}

func (l *looks) add(batch arrow.RecordBatch) error {
	if l.profiles == nil {
		for _, f := range batch.Schema().Fields() {
			l.profiles = append(l.profiles, detect.NewProfiler(f.Name, detect.ProfileOptions{}))
		}
	}
	l.rows += batch.NumRows()
	for i, p := range l.profiles {
		if err := p.Add(batch.Column(i)); err != nil {
			return err
		}
	}
	return nil
}

// catalogType is engineType backwards; "" for what no catalogue has.
func catalogType(t string) string {
	if rest, ok := strings.CutPrefix(t, "DECIMAL("); ok {
		return "decimal(" + rest
	}
	return map[string]string{"VARCHAR": "string", "BIGINT": "int64", "DOUBLE": "float64", "BOOLEAN": "bool", "DATE": "date", "TIMESTAMP": "timestamp"}[t]
}

// mostCodes is how many distinct values a public code list may have to be
// proposed as one.
const mostCodes = 60

// propose says what the entry and the manifest may say.
func (l *looks) propose(shape *sandbox.Shape) *Proposal {
	out := &Proposal{Format: shape.Format, Encoding: shape.Encoding, Packing: shape.Packing, Tables: shape.Tables, Header: shape.Header,
		Rows: shape.Rows, Sample: l.rows}
	if shape.Format == "csv" && shape.Delimiter == '\t' {
		out.Format = "tsv"
	} else if shape.Format == "csv" && shape.Delimiter != ',' && shape.Delimiter != 0 {
		out.Delimiter = string(rune(shape.Delimiter))
	}
	found := make([]trait, len(shape.Columns))
	for i, c := range shape.Columns {
		var p detect.Profile
		if i < len(l.profiles) {
			p = l.profiles[i].Profile()
		}
		found[i] = traitOf(c.Name, p)
		out.Personal = out.Personal || found[i].personal
		col := ProposedColumn{Name: c.Name, Type: catalogType(roomier(c)), Nullable: c.Nulls > 0, Distinct: p.Distinct,
			Key:   p.Looked > 1 && p.Nulls == 0 && p.Distinct*100 >= p.Looked*98 && c.Type != "DOUBLE",
			Codes: p.Distinct > 0 && p.Distinct <= mostCodes && p.Distinct*20 < p.Looked}
		for _, r := range c.Name {
			if r > 0x7F {
				col.Title = c.Name
				break
			}
		}
		out.Columns = append(out.Columns, col)
	}
	for i := range out.Columns {
		found[i].settle(&out.Columns[i], out.Personal)
	}
	out.Entity = out.entity(found)
	return out
}

// entity returns the likeliest column that says whom a row is about: the number of
// a person before an identifier by its name.
func (p *Proposal) entity(found []trait) string {
	if !p.Personal {
		return ""
	}
	for _, want := range []func(trait, ProposedColumn) bool{
		func(h trait, _ ProposedColumn) bool { return h.class == detect.ResidentID },
		func(h trait, c ProposedColumn) bool { return h.identifier && c.Key },
		func(h trait, _ ProposedColumn) bool { return h.identifier },
	} {
		for i, h := range found {
			if want(h, p.Columns[i]) {
				return p.Columns[i].Name
			}
		}
	}
	return ""
}
