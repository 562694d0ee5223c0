package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"zonebox/masking/detect"
	"zonebox/registry"
	"zonebox/zone"
)

// Lookalike is a column whose values look more sensitive than its catalogue entry
// says. It holds counts, no value.
//
// A look-alike warns and does nothing else: levels are set by the provider, so a
// delivery is not refused for what it looks like, and no level is raised or
// lowered by it.
type Lookalike struct {
	Column   string       `json:"column"`
	Class    detect.Class `json:"class"`
	Looked   int64        `json:"looked"`   // values of a sample, nulls aside
	Whole    int64        `json:"whole"`    // of these, that are one
	Within   int64        `json:"within"`   // that hold one among other text
	Distinct int64        `json:"distinct"` // of the values looked at, about
	Checked  bool         `json:"checked"`  // by their check characters
	Header   bool         `json:"header"`   // the column's name or title says so
	Level    int          `json:"level"`    // that the entry gives
	Least    int          `json:"least"`    // that a column of the class should have
	Personal bool         `json:"personal"` // the entry says that it holds no personal information
}

// lookalikes compares what a load found with the catalogue entry.
func lookalikes(stats zone.Stats, entry registry.Dataset) []Lookalike {
	var out []Lookalike
	for _, c := range stats.Columns {
		if c.Look == nil {
			continue
		}
		for _, k := range c.Look.Classes {
			out = append(out, Lookalike{Column: c.Name, Class: k.Class, Looked: c.Look.Looked, Whole: k.Whole, Within: k.Within,
				Distinct: c.Look.Distinct, Checked: k.Class.Checksummed(), Header: k.Header})
		}
	}
	return against(out, entry)
}

// against returns those that the entry does not account for: a level under the
// least of the class, or a class of personal information in a column that is said
// to hold none.
func against(found []Lookalike, entry registry.Dataset) []Lookalike {
	var out []Lookalike
	least := detect.DefaultLevels()
	for _, l := range found {
		c, ok := columnOf(entry, l.Column)
		if !ok {
			continue
		}
		l.Level, l.Least, l.Personal = c.Level, max(c.Level, least[l.Class]), l.Class.Personal() && !c.PersonalInfo
		if l.Level < l.Least || l.Personal {
			out = append(out, l)
		}
	}
	return out
}

// loadRecord is what is kept of a load beside the registry's own fields.
type loadRecord struct {
	Lookalikes  []Lookalike   `json:"lookalikes,omitempty"`
	Manifest    string        `json:"manifest,omitempty"`  // Manifest.digest of the delivery
	SignedBy    string        `json:"signed_by,omitempty"` // who signed the manifest
	Responsible []Responsible `json:"responsible,omitempty"`
}

// lookalikesOf returns what of the current data of a dataset its entry of today
// does not account for. It is for those who may know what lies in it; to
// others, and of other documents, there are none.
func (e *Engine) lookalikesOf(ctx context.Context, s Subject, doc registry.Document) ([]Lookalike, error) {
	if doc.Kind != registry.KindDataset {
		return nil, nil
	}
	entry, err := registry.SpecOf[registry.Dataset](doc)
	if err != nil {
		return nil, err
	}
	z, err := e.zoneOf(ctx, entry.Zone)
	if err != nil || !s.oversees(z, entry.Provider) {
		return nil, err
	}
	v, err := e.registry.CurrentVersion(ctx, entry.Zone, doc.Name)
	if errors.Is(err, registry.ErrNotFound) || err == nil && len(v.Meta) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return lookalikesIn(&v, entry)
}

// lookalikesIn returns what of a data version entry does not account for.
func lookalikesIn(v *registry.DataVersion, entry registry.Dataset) ([]Lookalike, error) {
	var r loadRecord
	if err := json.Unmarshal(v.Meta, &r); err != nil {
		return nil, fmt.Errorf("query: load record of %s: %w", v.Dataset, err)
	}
	return against(r.Lookalikes, entry), nil
}

// noted adds the look-alikes to the event of a load: classes by column, or how
// many there are if an entry has no room for them.
func noted(e registry.Event, found []Lookalike) registry.Event {
	var names []string
	for _, l := range found {
		names = append(names, l.Column+" "+l.Class.String())
	}
	return listed(e, "lookalikes", names)
}

// listed adds the names to the field of an event, or how many there are if an
// entry has no room for them.
func listed(e registry.Event, field string, names []string) registry.Event {
	if len(names) == 0 {
		return e
	}
	e.Fields[field] = strings.Join(names, ", ")
	if !entryOf(registry.Pending{Event: e}).Fits() {
		e.Fields[field] = fmt.Sprint(len(names))
	}
	return e
}
