package query

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"zonebox/catalogue"
	"zonebox/policy"
	"zonebox/registry"
)

// CheckEntry tells everything that submitting a document would be refused for, and
// which entries seem to hold the same. It changes nothing.
func (e *Engine) CheckEntry(ctx context.Context, s Subject, body io.Reader) (*EntryDetail, error) {
	drafts, err := registry.DecodeDrafts(body)
	if err != nil || len(drafts) != 1 {
		return nil, BadRequest("请求体不是一份文档,或字段重复", "the request body is no document, or has a field twice")
	}
	doc := drafts[0]
	if !s.any(registry.RoleProvider, registry.RoleCityAuthority, registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if doc.Kind != registry.KindDataset {
		return nil, BadRequest("须为 Dataset 文档", "the document must be a Dataset")
	}
	out := &EntryDetail{EntryView: EntryView{Name: doc.Name}, History: []EntryMoveView{}}
	spec, err := registry.SpecOf[registry.Dataset](doc)
	if err != nil {
		return nil, BadRequest("条目格式有误", "the entry is malformed")
	}
	out.say(spec)
	if out.Faults, err = e.entryFaults(ctx, s.user, doc); err != nil {
		return nil, asError(err)
	}
	out.Duplicates, err = e.duplicates(ctx, s, doc)
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// entryFaults returns what stands against publishing an entry, apart from the
// signatures that are still to come.
func (e *Engine) entryFaults(ctx context.Context, by string, doc registry.Document) ([]Detail, error) {
	faults, err := e.registry.Check(ctx, by, doc)
	if errors.Is(err, registry.ErrInactive) { // its author left: somebody else of the provider must submit it again
		return []Detail{{Code: registry.CodeSignature, ZH: by + " 已停用,须由提供单位其他人员重新报送", EN: by + " is disabled: another person of the provider must submit it again", Articles: []string{"NJ19-16"}}}, nil
	}
	if err != nil {
		return nil, err
	}
	// What is lowered is told with the signatures that it lacks; they come later.
	faults = slices.DeleteFunc(faults, func(f registry.Fault) bool {
		return f.Path == "/signatures" || f.Code == registry.CodeProtect && f.Path != "/spec/change_reason"
	})
	more, err := e.packFaults(ctx, doc, nil)
	if err != nil {
		return nil, err
	}
	faults = append(faults, more...)
	if len(faults) == 0 {
		return nil, nil
	}
	return documentError(&registry.Refusal{Faults: faults}).(*Error).Details, nil
}

// packFaults returns what the policy pack of its zone has against an entry: types
// and grounds that the city does not know, a base library it does not have, a
// sensitive column that nobody says the cause of.
func (e *Engine) packFaults(ctx context.Context, doc registry.Document, batch []registry.Document) ([]registry.Fault, error) {
	d, err := registry.SpecOf[registry.Dataset](doc)
	if err != nil || d.Status != registry.StatusPublished {
		return nil, nil // the registry says what its shape lacks
	}
	pack, err := packOf(ctx, lookup{e, batch}, d.Zone)
	if pack == nil {
		return nil, err
	}
	return faultsUnder(*pack, doc.Name, d), nil
}

// packOf returns the policy pack that a zone names, or nil where nothing can be judged
// by one: the registry names a zone that is missing, and in a zone without a pack
// everything is denied.
func packOf(ctx context.Context, look lookup, zone string) (*policy.Pack, error) {
	z, err := find[registry.Zone](ctx, look, registry.KindZone, zone)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	pack, err := look.engine.policy().Pack(z.Pack)
	if err != nil {
		return nil, nil
	}
	return &pack, nil
}

func faultsUnder(pack policy.Pack, name string, d registry.Dataset) []registry.Fault {
	var out []registry.Fault
	fault := func(path, article, zh, en string) {
		out = append(out, registry.Fault{Code: registry.CodeScope, Kind: registry.KindDataset, Name: name, Path: path, ZH: zh, EN: en, Article: article})
	}
	// of is the article where the pack's regulation says what key holds, and where that is
	// a local decision the one that asks for it.
	of := func(key, asks string) string {
		if says := pack.Articles[key]; len(says) > 0 {
			return says[0]
		}
		return asks
	}
	if !slices.Contains(pack.ProviderTypes, d.ProviderType) {
		fault("/spec/provider_type", of("provider_types", "NJ24-03"), "政策包所列提供单位类型为 "+strings.Join(pack.ProviderTypes, "、"), "must be one of the pack's provider types: "+strings.Join(pack.ProviderTypes, ", "))
	}
	if !pack.HasShareType(d.ShareType) {
		fault("/spec/share_type", of("share_types", "NJ19-21"), "政策包没有该共享类型", "is no share type of the pack")
	}
	if !pack.HasOpenType(d.OpenType) {
		fault("/spec/open_type", of("open_types", "NJ19-24"), "政策包没有该开放类型", "is no open type of the pack")
	}
	if _, known := pack.OpenGrounds[d.OpenGround]; d.OpenGround != "" && !known {
		fault("/spec/open_ground", of("open_grounds", "NJ19-24"), "须为政策包所列不予开放事由之一:"+keysOf(pack.OpenGrounds), "must be one of the pack's grounds: "+keysOf(pack.OpenGrounds))
	}
	if _, known := pack.BaseLibraries[d.Category.Code]; d.Category.Kind == "BASE" && !known {
		fault("/spec/category/code", of("base_libraries", "NJ19-20"), "须为政策包所列基础库之一:"+keysOf(pack.BaseLibraries), "must be one of the pack's base libraries: "+keysOf(pack.BaseLibraries))
	}
	for i, c := range d.Columns {
		if c.Level >= pack.LevelThreshold && c.CauseCode == "" {
			fault(fmt.Sprintf("/spec/columns/%d/cause_code", i), "JM19-30", fmt.Sprintf("列 %s 为 %d 级,须注明敏感事由", c.Name, c.Level), fmt.Sprintf("column %s is of level %d: say what makes it sensitive", c.Name, c.Level))
		}
	}
	return out
}

func keysOf(m map[string]string) string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// catalogued returns a document as package catalogue takes it.
func catalogued(doc registry.Document) (catalogue.Entry, error) {
	var c catalogue.Entry
	if err := json.Unmarshal(doc.Spec, &c); err != nil {
		return c, fmt.Errorf("query: read entry %s: %w", doc.Name, err)
	}
	c.Name = doc.Name
	return c, nil
}

// unruled refuses documents that put an entry into force which seems to hold the same
// as another, in force, among the documents or on its way as far as s may see it,
// while the city authority has not ruled on the two (NJ19-17): under a new name the
// same data would have whatever level and types the name brings, and be on no list.
func (e *Engine) unruled(ctx context.Context, s Subject, docs []registry.Document) error {
	if !s.any(appliersOfEntries...) {
		return nil // the registry refuses, and tells nothing of other entries
	}
	for _, d := range docs {
		spec, err := registry.SpecOf[registry.Dataset](d)
		if d.Kind != registry.KindDataset || err != nil || spec.Status != registry.StatusPublished {
			continue
		}
		switch now, _, err := e.registry.Get(ctx, registry.KindDataset, d.Name); {
		case err == nil && bytes.Equal(now.Payload(), d.Payload()):
			continue // it is in force
		case err != nil && !errors.Is(err, registry.ErrNotFound):
			return asError(err)
		}
		like, err := e.likenesses(ctx, s, d, docs)
		if err != nil {
			return asError(err)
		}
		if err := refuseUnruled(like); err != nil {
			return err
		}
	}
	return nil
}

// refuseUnruled refuses an entry for the first of the likenesses that nobody ruled on.
func refuseUnruled(like []DuplicateView) error {
	for _, d := range like {
		if d.Ruling == "" {
			what := fmt.Sprintf("%s(%.2f)", d.Name, d.Like.Total)
			return fail("ENTRY_DUPLICATE", nil).because(what, what)
		}
	}
	return nil
}

// appliersOfEntries are the roles that may put an entry into force.
var appliersOfEntries = []string{registry.RoleProvider, registry.RoleCityAuthority}

// duplicates returns the other entries, published or under way as far as s may
// see them, that seem to hold the same as doc (NJ19-17), the most alike first.
func (e *Engine) duplicates(ctx context.Context, s Subject, doc registry.Document) ([]DuplicateView, error) {
	return e.likenesses(ctx, s, doc, nil)
}

// likenesses is duplicates among the documents of batch as well.
func (e *Engine) likenesses(ctx context.Context, s Subject, doc registry.Document, batch []registry.Document) ([]DuplicateView, error) {
	mine, err := catalogued(doc)
	if err != nil {
		return nil, nil // its faults say so
	}
	others := map[string]registry.Document{}
	err = e.each(ctx, registry.KindDataset, func(d registry.Document) error {
		others[d.Name] = d
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []*edition
	rulings := map[string]registry.SourceRuling{}
	err = e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		all, err = e.editions(ctx, tx, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, ed := range all {
		if ed.open() && s.maySee(ed) {
			others[ed.name] = ed.document
		}
	}
	rule := func(d registry.Document) error {
		r, err := registry.SpecOf[registry.SourceRuling](d)
		rulings[d.Name] = r
		return err
	}
	if err := e.each(ctx, registry.KindSourceRuling, rule); err != nil {
		return nil, err
	}
	for _, d := range batch {
		switch d.Kind {
		case registry.KindDataset:
			others[d.Name] = d
		case registry.KindSourceRuling:
			if err := rule(d); err != nil {
				return nil, err
			}
		}
	}
	var out []DuplicateView
	for name, other := range others {
		theirs, err := catalogued(other)
		if err != nil {
			return nil, err
		}
		like := catalogue.Alike(mine, theirs)
		if name == doc.Name || theirs.Status == registry.StatusRetired || like.Total < catalogue.Suspect && !catalogue.Lowers(mine, theirs) {
			continue
		}
		v := DuplicateView{Name: name, Title: theirs.Title, Like: like}
		for ruling, r := range rulings {
			if slices.Contains(r.Datasets, name) && slices.Contains(r.Datasets, doc.Name) && (v.Ruling == "" || ruling < v.Ruling) {
				v.Ruling = ruling
			}
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b DuplicateView) int {
		if a.Like.Total != b.Like.Total {
			if a.Like.Total > b.Like.Total {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}
