package query

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"zonebox/keys"
	"zonebox/masking"
	"zonebox/masking/effect"
	"zonebox/policy"
	"zonebox/registry"
	"zonebox/zone"
)

// previewRows is how many rows of a version anybody ever sees by previews.
const previewRows = 20

// previewing is a preview on its way.
type previewing struct {
	engine  *Engine
	ctx     context.Context
	subject Subject
	grant   registry.Grant
	name    string // of the grant in force, "" of a draft
	facts   registry.Facts
	dataset registry.DatasetFacts
	columns []registry.GrantColumn // that are masked
	raw     bool                   // values as they are are shown too
	ruled   *ruled                 // nil before policy was asked
}

// Preview shows what the recipes of a grant make of some rows of its dataset. It
// is the one way beside Answer on which values leave the gate: read
// Subject.sees for who sees what.
//
// The rows are the same twenty of a data version whoever asks for whatever, cut to
// the scope of the grant, and masks are made under keys of their own, the same
// each time: asking again shows no more, and averages nothing. Policy decides, and
// the entry of the log is durable before a value is handed out.
func (e *Engine) Preview(ctx context.Context, s Subject, req PreviewRequest) (*Preview, error) {
	p := &previewing{engine: e, subject: s}
	out, err := p.preview(ctx, req)
	if refused := asError(err); err != nil && refused.Class == ClassDenied {
		event := registry.Event{Kind: "mask.refused", Actor: s.user, Fields: map[string]string{"org": s.organization, "reasons": codesOf(refused)}}
		err := e.update(ctx, func(tx *registry.Tx) error {
			if p.facts.Zone.Name != "" {
				if err := p.keepDecision(tx, p.ruled.against(), refused.Code); err != nil {
					return err
				}
			}
			return tx.Emit(event)
		})
		if err != nil {
			return nil, asError(err)
		}
		return nil, refused
	}
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

func (p *previewing) preview(ctx context.Context, req PreviewRequest) (*Preview, error) {
	e := p.engine
	if !p.subject.any(registry.RoleProvider, registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil) // before anything is looked up
	}
	ctx, end := e.reading(ctx, "") // of the zone that the facts will name
	defer end()
	p.ctx = ctx
	if err := p.learn(req); err != nil {
		return nil, err
	}
	var sees bool
	if p.raw, sees = p.subject.sees(p.dataset.Spec.Provider, p.facts.Zone.Spec.Regulator, p.name); !sees {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if err := p.choose(); err != nil {
		return nil, err
	}
	if err := p.decide(); err != nil {
		return nil, err
	}
	out, err := p.made()
	if err := overtaken(ctx, err); err != nil {
		return nil, err
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := stands(tx.Overtaken(p.facts)); err != nil {
			return err
		}
		if err := p.keepDecision(tx, p.ruled); err != nil {
			return err
		}
		return tx.Emit(p.event(p.ruled.decision.ID))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// sees is who sees what: people of the dataset's provider, whose rows they are, see
// them as they are (raw) and by any recipe; people of the zone's regulator see what a
// grant in force makes of them, which the provider has signed, and nothing else: by a
// recipe of their own choice they could read the rows. Nobody else sees anything;
// operators ask questions.
func (s Subject) sees(provider, regulator, grant string) (raw, sees bool) {
	if s.any(registry.RoleProvider) && s.organization == provider {
		return true, true
	}
	return false, s.any(registry.RoleZoneRegulator) && s.organization == regulator && grant != ""
}

// learn reads the grant and the facts it stands on.
func (p *previewing) learn(req PreviewRequest) error {
	e := p.engine
	switch {
	case (req.Grant == "") == (len(req.Draft) == 0):
		return fail("BAD_REQUEST", nil).because("须给出授权名称或授权草案,二者择一", "it takes the name of a grant or a draft of one")
	case req.Grant != "":
		var err error
		p.name = req.Grant
		p.grant, err = find[registry.Grant](p.ctx, lookup{e, nil}, registry.KindGrant, req.Grant)
		if errors.Is(err, registry.ErrNotFound) {
			return fail("NOT_FOUND", err)
		}
		if err != nil {
			return err
		}
	default:
		docs, err := registry.Decode(bytes.NewReader(req.Draft))
		if err != nil {
			return documentError(err)
		}
		if len(docs) != 1 || docs[0].Kind != registry.KindGrant {
			return fail("BAD_REQUEST", nil).because("草案须为一份 Grant 文档", "a draft is one document of the kind Grant")
		}
		if p.grant, err = registry.SpecOf[registry.Grant](docs[0]); err != nil {
			return err
		}
	}
	license, err := e.licenseOf(p.ctx, p.grant.Scenario)
	if err == nil {
		p.facts, err = e.registry.Enter(p.ctx, registry.Query{User: p.subject.user, Zone: license.Zone, Scenario: p.grant.Scenario})
	}
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return fail("NOT_FOUND", err)
	case errors.Is(err, registry.ErrInactive):
		return fail("AUTH_FAILED", err)
	case err != nil:
		return err
	}
	if p.name != "" { // as the facts have it, and in force
		i := slices.IndexFunc(p.facts.Grants, func(g registry.GrantFacts) bool { return g.Name == p.name })
		if i < 0 {
			return fail("NOT_FOUND", nil)
		}
		p.grant = p.facts.Grants[i].Spec
	}
	i := slices.IndexFunc(p.facts.Datasets, func(d registry.DatasetFacts) bool { return d.Name == p.grant.Dataset && d.Spec.Zone == license.Zone })
	if i < 0 {
		return fail("NOT_FOUND", nil)
	}
	p.dataset = p.facts.Datasets[i]
	return nil
}

// choose finds the masked columns of the grant and checks that the dataset has
// them, and rows.
func (p *previewing) choose() error {
	if p.dataset.Data == nil {
		return fail("NOT_FOUND", nil).because("数据集 "+p.dataset.Name+" 尚未装载", "dataset "+p.dataset.Name+" has no data yet")
	}
	for _, g := range p.grant.Columns {
		i := slices.IndexFunc(p.dataset.Spec.Columns, func(c registry.Column) bool { return c.Name == g.Name })
		if i < 0 {
			return fail("BAD_REQUEST", nil).because("数据集没有列 "+g.Name, "the dataset has no column "+g.Name)
		}
		if g.Recipe == nil {
			continue
		}
		if err := recipeOf(g.Recipe).Validate(p.dataset.Spec.Columns[i].Type); err != nil {
			return fail("BAD_REQUEST", err).because("脱敏方式不适用于列 "+g.Name, "the recipe is not for column "+g.Name)
		}
		p.columns = append(p.columns, g)
	}
	if len(p.columns) == 0 {
		return fail("BAD_REQUEST", nil).because("授权没有脱敏列", "the grant masks no column")
	}
	return nil
}

// decide asks policy.
func (p *previewing) decide() error {
	e := p.engine
	in := e.policyFacts(policy.ActionPreview, about(p.facts, map[string]bool{p.dataset.Name: true}))
	in.Operator, in.Scenario, in.Consent = nil, nil, nil
	in.Preview = &policy.Preview{Dataset: p.dataset.Name, Grant: p.name, Raw: &p.raw}
	for _, c := range p.columns {
		in.Preview.Columns = append(in.Preview.Columns, p.dataset.Name+"."+c.Name)
	}
	in.Runtime = hostFacts()
	in.Now = e.cfg.Now()
	d, err := e.policy().Decide(p.ctx, in)
	if err != nil {
		e.log.ErrorContext(p.ctx, "policy failed", "decision_id", d.ID, "cause", err)
	}
	p.ruled = &ruled{in, d}
	if d.Verdict != policy.Allow {
		return denied(details(d.Reasons))
	}
	return nil
}

// made is the preview itself.
func (p *previewing) made() (*Preview, error) {
	key, err := p.engine.keys.Derive(keys.Purpose{Use: keys.UsePreview, Zone: p.facts.Zone.Name, Domain: p.dataset.Name, Version: 1})
	if err != nil {
		return nil, err
	}
	d := p.dataset
	out := &Preview{Zone: p.facts.Zone.Name, Dataset: d.Name, Version: d.Data.Version, Grant: p.name, Raw: p.raw, Total: d.Data.Rows}
	after := zone.Projection{Zone: out.Zone, Dataset: d.Name, Version: d.Data.Version, Manifest: d.Data.Manifest,
		Only: sampled(key, d.Data.Version, d.Data.Rows),
		Keys: masking.Keys{Token: key, Algorithm: masking.Algorithm(p.facts.Zone.Spec.TokenAlgorithm), Scope: keys.UsePreview}}
	out.Sample = len(after.Only)
	for _, c := range p.grant.Scope {
		after.Scope = append(after.Scope, zone.Condition{Column: c.Column, In: c.In})
	}
	before := after
	for _, c := range p.columns {
		r := recipeOf(c.Recipe)
		v := PreviewColumn{Name: c.Name, Kind: r.Kind, Recipe: r.String(), After: []*string{}}
		if t, ok := effect.TechniqueOf(r.Kind); ok {
			v.Family, v.Technique = string(t.Family), t.Name
		}
		out.Columns = append(out.Columns, v)
		r.Domain = "" // no other zone's key is wanted for this
		after.Columns = append(after.Columns, zone.Project{Name: c.Name, Recipe: r})
		before.Columns = append(before.Columns, zone.Project{Name: c.Name})
	}
	err = p.read(after, func(column int, texts []*string, misfits int64) {
		out.Columns[column].After = append(out.Columns[column].After, texts...)
		out.Columns[column].Misfits += misfits
	})
	if err == nil && p.raw {
		err = p.read(before, func(column int, texts []*string, _ int64) {
			out.Columns[column].Before = append(out.Columns[column].Before, texts...)
		})
	}
	out.Rows = len(out.Columns[0].After)
	return out, err
}

// read gives the columns of a projection, piece by piece, as text.
func (p *previewing) read(q zone.Projection, give func(column int, texts []*string, misfits int64)) error {
	for piece, err := range p.engine.store.Project(p.ctx, q) {
		if errors.Is(err, zone.ErrProjection) {
			return fail("BAD_REQUEST", err).because("授权的行范围与数据集不符", "the scope of the grant does not fit the dataset")
		}
		if err != nil {
			return p.engine.storeError(err)
		}
		for i, c := range piece.Columns {
			arr, misfits, err := c.Counted()
			if err != nil {
				return p.engine.storeError(err)
			}
			texts := make([]*string, arr.Len())
			for row := range texts {
				if arr.IsValid(row) {
					text := strings.Clone(arr.ValueStr(row)) // the array's memory is erased
					texts[row] = &text
				}
			}
			arr.Release()
			give(i, texts, misfits)
		}
	}
	return nil
}

// sampled returns the rows of a version that previews show, chosen by a key:
// nobody knows beforehand which.
func sampled(key []byte, version string, rows int64) []int64 {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "zonebox preview rows v1 %s", version)
	draw := rand.New(rand.NewChaCha8([32]byte(mac.Sum(nil))))
	chosen := map[int64]bool{}
	for int64(len(chosen)) < min(previewRows, rows) {
		chosen[draw.Int64N(rows)] = true
	}
	out := make([]int64, 0, previewRows) // never nil, which would be all rows
	for row := range chosen {
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// event tells who was shown what: names and digests, never a value.
func (p *previewing) event(decision string) registry.Event {
	recipes := sha256.New()
	var names []string
	for _, c := range p.columns {
		names = append(names, c.Name)
		fmt.Fprintf(recipes, "%q %q\n", c.Name, recipeOf(c.Recipe).String())
	}
	columns := strings.Join(names, " ")
	f := map[string]string{"org": p.subject.organization, "decision": decision, "dataset": p.dataset.Name, "version": p.dataset.Data.Version,
		"columns": columns, "recipes": hex.EncodeToString(recipes.Sum(nil)), "raw": strconv.FormatBool(p.raw)}
	if p.name != "" {
		f["grant"] = p.name
	}
	f["role"] = registry.RoleZoneRegulator
	if p.raw {
		f["role"] = registry.RoleProvider
	}
	e := registry.Event{Kind: "mask.previewed", Actor: p.subject.user, Zone: p.facts.Zone.Name, Fields: f}
	if !entryOf(registry.Pending{Event: e}).Fits() { // an entry holds so much and no more
		f["columns"] = fmt.Sprintf("%d columns %x", len(names), sha256.Sum256([]byte(columns)))
	}
	return e
}
