package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/policy"
	"zonebox/registry"
	"zonebox/sandbox"
	"zonebox/zone"
)

// loading is a delivery on its way in.
type loading struct {
	engine   *Engine
	ctx      context.Context
	manifest Manifest
	facts    registry.Facts
	dataset  registry.DatasetFacts
	id       string
	attested sandbox.Attestation // of the worker that parses it
}

// Load brings a delivery into its zone, all of it or nothing. The manifest is
// checked against catalogue and grant before a byte is parsed, the file against
// the manifest before anything is committed; a worker parses it, and plain
// values stay in memory. Until the registry names the new version, the dataset
// is as it was.
func (e *Engine) Load(ctx context.Context, s Subject, m Manifest, data io.Reader) (*LoadReport, error) {
	l := &loading{engine: e, ctx: ctx, manifest: m, id: newID("load", e.cfg.Now())}
	if err := l.enter(s); err != nil {
		return nil, err
	}
	t, waited, err := e.loads.join(ctx, l.facts.Subject.Spec.Organization, m.Zone)
	if errors.Is(err, errQueueFull) {
		return nil, fail("BUSY", err)
	}
	if err != nil {
		return nil, fail("STOPPED", err)
	}
	defer t.leave()
	if waited { // perhaps for hours: person, grant and catalogue may be others by now
		if err := l.enter(s); err != nil {
			return nil, err
		}
	}
	// One worker is attested for the decisions and then parses the file.
	w, err := e.worker(ctx)
	if err != nil {
		return nil, asError(err)
	}
	defer w.Close()
	l.attested = w.Attestation()
	claim := policy.Receipt{Grant: m.Grant, SchemaSHA256: l.schema(), Rows: m.Rows, Digest: m.SHA256}
	if err := l.decide(claim); err != nil {
		return nil, l.refuse(err)
	}
	err = e.update(ctx, func(tx *registry.Tx) error { return tx.Emit(l.event("load.intent", nil)) })
	if err != nil {
		return nil, asError(err)
	}
	stored, found, err := l.read(w, data)
	if err != nil {
		return nil, l.refuse(err)
	}
	defer func() {
		if err := stored.Abort(); err != nil {
			e.log.ErrorContext(ctx, "abort load", "dataset", m.Dataset, "cause", err)
		}
	}()
	// Reading took its time as well, by the catalogue entry of its beginning.
	read := l.dataset.Version
	if err := l.enter(s); err != nil {
		return nil, l.refuse(err)
	}
	if l.dataset.Version != read {
		return nil, l.refuse(refused("装载期间目录条目已更新", "the catalogue entry changed while the delivery was read", "NJ24-15"))
	}
	if err := l.decide(found); err != nil {
		return nil, l.refuse(err)
	}
	info, err := stored.Commit(ctx)
	if err != nil {
		return nil, l.refuse(err)
	}
	return l.commit(info)
}

// enter reads the facts of the load in the name of the person who loads.
func (l *loading) enter(s Subject) error {
	e, m := l.engine, l.manifest
	if !s.any(registry.RoleDataCentre) {
		return fail("ROLE_REQUIRED", nil)
	}
	grant, err := find[registry.Grant](l.ctx, lookup{e, nil}, registry.KindGrant, m.Grant)
	if errors.Is(err, registry.ErrNotFound) {
		return refused("清单所写的授权不存在", "the manifest names no approved grant", "NJ24-15")
	}
	if err == nil {
		l.facts, err = e.registry.Enter(l.ctx, registry.Query{User: s.user, Zone: m.Zone, Scenario: grant.Scenario})
	}
	if errors.Is(err, registry.ErrNotFound) {
		return refused("清单所写的专区不存在", "the manifest names no zone", "NJ24-15")
	}
	if errors.Is(err, registry.ErrInactive) {
		return fail("AUTH_FAILED", err)
	}
	if err != nil {
		return asError(err)
	}
	i := slices.IndexFunc(l.facts.Datasets, func(d registry.DatasetFacts) bool { return d.Name == m.Dataset && d.Spec.Zone == m.Zone })
	if i < 0 || grant.Dataset != m.Dataset {
		return refused("清单所写的数据集不在该专区目录或该授权之内", "the manifest's dataset is not in that zone's catalogue or that grant", "NJ24-15")
	}
	l.dataset = l.facts.Datasets[i]
	if zh, en := m.readable(); en != "" {
		return refused(zh, en, "NJ19-03")
	}
	if digest, err := hex.DecodeString(m.SHA256); err != nil || len(digest) != sha256.Size || m.Rows < 0 {
		return refused("清单缺少行数或 SHA-256", "the manifest lacks rows or SHA-256", "NJ24-15")
	}
	return nil
}

// readable returns "", or why no reader takes files as the manifest says this
// one is.
func (m Manifest) readable() (zh, en string) {
	switch m.Format {
	case "csv", "tsv", "json", "jsonl":
		if !slices.Contains([]string{"utf-8", "gb18030", "utf-16le", "utf-16be"}, m.Encoding) {
			return "文本格式的编码须为 utf-8、gb18030、utf-16le 或 utf-16be", "the format is a text: its encoding must be utf-8, gb18030, utf-16le or utf-16be"
		}
	case "parquet", "arrow", "xlsx":
		if m.Encoding != "" && m.Encoding != "utf-8" {
			return "只有文本格式可有 utf-8 以外的编码", "only the format of a text has another encoding than utf-8"
		}
	default:
		return "格式须为 csv、tsv、json、jsonl、parquet、arrow 或 xlsx", "the format must be csv, tsv, json, jsonl, parquet, arrow or xlsx"
	}
	if m.Sheet != "" && m.Format != "xlsx" {
		return "只有 xlsx 格式有工作表", "only the format xlsx has a sheet"
	}
	if !slices.Contains([]string{"", "none", "gzip", "zstd", "zip"}, m.Packing) {
		return "打包方式须为 none、gzip、zstd 或 zip", "the packing must be none, gzip, zstd or zip"
	}
	return "", ""
}

func refused(zh, en, article string) *Error {
	e := fail("LOAD_REFUSED", nil).because(zh, en)
	e.Articles = []string{article}
	return e
}

// schema returns the digest of the catalogue's columns, names and types.
func (l *loading) schema() string {
	h := sha256.New()
	for _, c := range l.dataset.Spec.Columns {
		fmt.Fprintf(h, "%q %q\n", c.Name, c.Type)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// decide asks policy whether the delivery may enter, found being what is known
// of the file.
func (l *loading) decide(found policy.Receipt) error {
	e, m := l.engine, l.manifest
	in := e.policyFacts(policy.ActionLoad, l.facts)
	in.Operator, in.License, in.Scenario, in.Consent = nil, nil, nil, nil
	in.Grants = slices.DeleteFunc(in.Grants, func(g policy.Grant) bool { return g.ID != m.Grant })
	// What looks alike warns and refuses nothing: no column is named to policy.
	in.Load = &policy.Load{Dataset: m.Dataset, Unlabelled: []string{}, Lookalike: []string{}, Unlisted: []string{},
		Manifest: &policy.Receipt{Grant: m.Grant, SchemaSHA256: l.schema(), Rows: m.Rows, Digest: m.SHA256}, Found: &found}
	for _, c := range l.dataset.Spec.Columns {
		if c.Level == 0 {
			in.Load.Unlabelled = append(in.Load.Unlabelled, m.Dataset+"."+c.Name)
		}
	}
	in.Runtime = runtimeFacts(l.attested)
	d, err := e.policy.Decide(l.ctx, in)
	if err != nil {
		e.log.ErrorContext(l.ctx, "policy failed", "decision_id", d.ID, "cause", err)
	}
	if d.Verdict != policy.Allow {
		out := denied(details(d.Reasons))
		out.HintZH, out.HintEN = codes["LOAD_REFUSED"].hintZH, codes["LOAD_REFUSED"].hintEN
		return out
	}
	return nil
}

// read has a worker parse the file and stores what it yields, uncommitted.
func (l *loading) read(w *sandbox.Session, data io.Reader) (*zone.Load, policy.Receipt, error) {
	e, m := l.engine, l.manifest
	spec := zone.Spec{Zone: m.Zone, Dataset: m.Dataset, Titles: map[string]string{}}
	if l.dataset.Spec.Entity != nil {
		spec.Entity = l.dataset.Spec.Entity.Column
	}
	var columns []sandbox.Column
	for _, c := range l.dataset.Spec.Columns {
		t, err := engineType(c.Type)
		if err != nil {
			return nil, policy.Receipt{}, err
		}
		columns = append(columns, sandbox.Column{Name: c.Name, Type: t})
		spec.Columns = append(spec.Columns, zone.ColumnSpec{Name: c.Name, Type: c.Type})
		spec.Titles[c.Name] = c.Title
	}
	stored, err := e.store.Begin(spec)
	if err != nil {
		return nil, policy.Receipt{}, err
	}
	sum := sha256.New()
	raw := io.TeeReader(data, sum)
	rows, err := l.append(w, stored, sandbox.Delivery{Format: m.Format, Columns: columns, Source: raw,
		Packing: m.Packing, Encoding: m.Encoding, Sheet: m.Sheet})
	if err == nil {
		_, err = io.Copy(io.Discard, raw) // the digest is of the whole file
	}
	if err != nil {
		return nil, policy.Receipt{}, errors.Join(err, stored.Abort())
	}
	found := policy.Receipt{Grant: m.Grant, SchemaSHA256: l.schema(), Rows: rows, Digest: hex.EncodeToString(sum.Sum(nil))}
	return stored, found, nil
}

// tooManyRows is how many rows beyond the manifest's end a load at once, before
// they fill a disk. Fewer are counted to the end, and policy says what is wrong.
const tooManyRows = 1 << 17

// append moves the worker's batches into the store and returns the rows.
func (l *loading) append(w *sandbox.Session, stored *zone.Load, d sandbox.Delivery) (rows int64, err error) {
	codes := make([]map[string]bool, len(l.dataset.Spec.Columns))
	for i, c := range l.dataset.Spec.Columns {
		if len(c.PublicCodes) > 0 {
			codes[i] = map[string]bool{}
			for _, v := range c.PublicCodes {
				codes[i][v] = true
			}
		}
	}
	result, err := w.Read(l.ctx, d)
	if err != nil {
		return 0, err
	}
	for {
		batch, err := result.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		if rows > l.manifest.Rows+tooManyRows {
			batch.Release()
			return rows, refused("行数远超清单所载,已停止读取", "far more rows than the manifest says; reading stopped", "NJ24-20")
		}
		err = l.admit(batch, codes, rows)
		if err == nil {
			err = stored.Append(batch)
		}
		rows += batch.NumRows()
		batch.Release()
		if err != nil {
			return rows, err
		}
	}
}

// admit checks what the catalogue promises of the values: no nulls where there
// are none, and only the codes that are public. before is the rows of earlier
// batches.
func (l *loading) admit(batch arrow.RecordBatch, codes []map[string]bool, before int64) error {
	for i, c := range l.dataset.Spec.Columns {
		col := batch.Column(i)
		if !c.Nullable && col.NullN() > 0 {
			return refused(fmt.Sprintf("列 %s 不允许空值,却有空值", c.Name), fmt.Sprintf("column %s must not be empty, and is", c.Name), "NJ24-20")
		}
		if codes[i] == nil {
			continue
		}
		for r := range col.Len() {
			if col.IsNull(r) || codes[i][codeOf(col, r)] {
				continue
			}
			return refused(fmt.Sprintf("第 %d 行列 %s 的值不在公开代码表内", before+int64(r)+1, c.Name),
				fmt.Sprintf("row %d: the value of column %s is not in its public code list", before+int64(r)+1, c.Name), "NJ24-14")
		}
	}
	return nil
}

func codeOf(col arrow.Array, r int) string {
	if s, ok := col.(*array.String); ok {
		return s.Value(r)
	}
	return col.ValueStr(r)
}

// commit makes the stored version the dataset's current one.
func (l *loading) commit(info zone.Info) (*LoadReport, error) {
	e, m := l.engine, l.manifest
	look := lookalikes(info.Stats, l.dataset.Spec)
	meta, err := json.Marshal(loadRecord{look})
	if err != nil {
		return nil, asError(err)
	}
	err = e.update(l.ctx, func(tx *registry.Tx) error {
		if err := stands(tx.Overtaken(l.facts)); err != nil {
			return err
		}
		err := tx.SetVersion(registry.DataVersion{Zone: m.Zone, Dataset: m.Dataset, Version: info.Version, Manifest: info.Manifest,
			Rows: info.Rows, LoadedBy: l.facts.Subject.Name, Catalogue: l.dataset.Version, Meta: meta,
			Lineage: registry.Lineage{Delivery: m.SHA256, Provider: l.dataset.Spec.Provider, Grant: m.Grant, Acquired: m.Acquired}})
		if err != nil {
			return err
		}
		committed := l.event("load.committed", map[string]string{"version": info.Version, "manifest": info.Manifest, "rows": fmt.Sprint(info.Rows)})
		return tx.Emit(noted(committed, look))
	})
	if err != nil {
		return nil, documentError(err)
	}
	e.evict(sandbox.Tag{Zone: m.Zone, Dataset: m.Dataset}) // of the version before
	return &LoadReport{Zone: m.Zone, Dataset: m.Dataset, Version: info.Version, Manifest: info.Manifest, Rows: info.Rows,
		Columns: len(l.dataset.Spec.Columns), Warnings: l.warnings(info.Stats), Lookalikes: look}, nil
}

// warnings names what the load profile shows about the recipes granted on the
// dataset: counts, never values.
func (l *loading) warnings(stats zone.Stats) []string {
	var out []string
	for _, g := range l.facts.Grants {
		if g.Spec.Dataset != l.manifest.Dataset {
			continue
		}
		for _, c := range g.Spec.Columns {
			if s, ok := stats.Column(c.Name); ok && c.Recipe != nil && c.Recipe.Kind == "token" && tooFew(s) {
				out = append(out, fmt.Sprintf("列 %s 取值过于集中,授权 %s 的令牌将被拒绝 / too few values for the token of grant %s", c.Name, g.Name, g.Name))
			}
		}
	}
	if stats.Unkeyed > 0 {
		out = append(out, fmt.Sprintf("%d 行没有主体标识,不计入最小分组 / rows without entity key", stats.Unkeyed))
	}
	return out
}

func (l *loading) event(kind string, fields map[string]string) registry.Event {
	all := map[string]string{"load": l.id, "dataset": l.manifest.Dataset, "grant": l.manifest.Grant, "digest": clip(l.manifest.SHA256),
		"role": registry.RoleDataCentre, "org": l.facts.Subject.Spec.Organization}
	for k, v := range fields {
		all[k] = v
	}
	return registry.Event{Kind: kind, Actor: l.facts.Subject.Name, Zone: l.manifest.Zone, Fields: all}
}

// refuse records why a delivery was not loaded and returns it.
func (l *loading) refuse(cause error) error {
	why := l.loadError(cause)
	err := l.engine.update(l.ctx, func(tx *registry.Tx) error {
		return tx.Emit(l.event("load.refused", map[string]string{"reasons": why.Code}))
	})
	if err != nil {
		return asError(err)
	}
	return why
}

func (l *loading) loadError(cause error) *Error {
	var own *Error
	var delivery *sandbox.DeliveryError
	switch {
	case errors.As(cause, &own):
		return own
	case errors.As(cause, &delivery):
		t := deliveryTexts[delivery.Code]
		zh, en := t[0], t[1]
		if delivery.Row > 0 {
			zh, en = fmt.Sprintf("第 %d 行 ", delivery.Row)+zh, fmt.Sprintf("row %d ", delivery.Row)+en
		}
		if delivery.Column != "" {
			zh, en = zh+"(列 "+delivery.Column+")", en+" (column "+delivery.Column+")"
		}
		return refused(strings.TrimSpace(zh), strings.TrimSpace(en), "NJ24-15")
	case errors.Is(cause, sandbox.ErrMemory), errors.Is(cause, sandbox.ErrTime), errors.Is(cause, sandbox.ErrOutput):
		return refused("超过装载的内存或时间上限", "the load ran past its memory or time limit", "NJ24-22")
	}
	return asError(cause)
}
