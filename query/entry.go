package query

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/catalogue"
	"zonebox/registry"
	"zonebox/workflow"
)

// EntryView is a line of the catalogue: what is in force, and the edition on its
// way to be. State is that of the entry in force, empty if there is none; Pending
// that of the edition, empty if none is under way.
type EntryView struct {
	Name         string     `json:"name"`
	Title        string     `json:"title"`
	Zone         string     `json:"zone"`
	Provider     string     `json:"provider"`
	Version      int64      `json:"version"` // in force, 0 if none
	State        string     `json:"state"`
	Pending      string     `json:"pending,omitempty"`
	Level        int        `json:"level"`
	ShareType    string     `json:"share_type"`
	OpenType     string     `json:"open_type"`
	ReviewDue    string     `json:"review_due,omitempty"`
	ReviewLate   bool       `json:"review_late,omitempty"` // its conditions are to be looked at again
	Temporary    bool       `json:"temporary,omitempty"`
	Frequency    string     `json:"update_frequency"`
	LoadedAt     *time.Time `json:"loaded_at,omitempty"`
	ChangedSince *time.Time `json:"changed_since,omitempty"` // of an entry in state CHANGED
}

// EntryDetail is an entry with the document in force, the edition under way, what
// was found in that, and the course of all editions.
type EntryDetail struct {
	EntryView
	InForce    json.RawMessage `json:"in_force,omitempty"`
	Edition    string          `json:"edition,omitempty"`
	Document   json.RawMessage `json:"document,omitempty"` // of the edition
	Faults     []Detail        `json:"faults,omitempty"`
	Duplicates []DuplicateView `json:"duplicates,omitempty"`
	History    []EntryMoveView `json:"history"`
}

// DuplicateView is an entry that seems to hold the same, and why. Ruling names the
// city authority's word on the two.
type DuplicateView struct {
	Name   string             `json:"name"`
	Title  string             `json:"title"`
	Like   catalogue.Likeness `json:"likeness"`
	Ruling string             `json:"ruling,omitempty"`
}

// EntryMoveView is one move of an edition.
type EntryMoveView struct {
	Edition string    `json:"edition"`
	Move    string    `json:"move"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Org     string    `json:"org"`
	Basis   string    `json:"basis,omitempty"`
}

// edition is one edition of an entry with its newest document.
type edition struct {
	workflow.Instance
	name     string
	number   int
	document registry.Document
	spec     registry.Dataset
	basis    []string // by step
}

// underWay are the states of an edition that is not in force yet.
var underWay = []workflow.State{workflow.Draft, workflow.Submitted, workflow.Approved}

func (ed *edition) open() bool { return ed != nil && slices.Contains(underWay, ed.State) }

// noted is what a move of an edition keeps, sealed: words and document.
type entryNote struct {
	Basis    string             `json:"basis,omitempty"`
	Document *registry.Document `json:"document,omitempty"`
}

func editionID(name string, number int) string { return name + "." + strconv.Itoa(number) }

// editionOf opens the stored instance id.
func (e *Engine) editionOf(ctx context.Context, q workflow.Querier, id string) (*edition, error) {
	in, err := workflow.Get(ctx, q, workflow.CatalogueEdition, id)
	if err != nil {
		return nil, err
	}
	name, number, _ := strings.Cut(id, ".")
	ed := &edition{Instance: in, name: name}
	if ed.number, err = strconv.Atoi(number); err != nil {
		return nil, fmt.Errorf("query: edition %s: %w", id, registry.ErrCorrupt)
	}
	notes, err := notesOf[entryNote](e, catalogueNotes, in)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		ed.basis = append(ed.basis, note.Basis)
		if note.Document != nil {
			ed.document = *note.Document
		}
	}
	ed.spec, err = registry.SpecOf[registry.Dataset](ed.document)
	return ed, err
}

// editions returns every edition, or those of one entry, the oldest first.
func (e *Engine) editions(ctx context.Context, q workflow.Querier, name string) ([]*edition, error) {
	queue, err := workflow.Queue(ctx, q, workflow.CatalogueEdition)
	if err != nil {
		return nil, err
	}
	var all []*edition
	for _, in := range queue {
		if of, _, _ := strings.Cut(in.ID, "."); name != "" && of != name {
			continue
		}
		ed, err := e.editionOf(ctx, q, in.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, ed)
	}
	slices.SortStableFunc(all, func(a, b *edition) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return a.number - b.number
	})
	return all, nil
}

// maySee reports whether s may see an edition that is not in force: its provider's
// people, the zone's regulator, the city authority and those who supervise.
func (s Subject) maySee(ed *edition) bool {
	return s.any(registry.RoleCityAuthority, registry.RoleAuditor, registry.RoleSecurity) ||
		s.party(ed.Instance, registry.RoleProvider) || s.party(ed.Instance, registry.RoleZoneRegulator)
}

// Entries lists the catalogue as s may see it: entries that were published, and
// editions on their way.
func (e *Engine) Entries(ctx context.Context, s Subject) ([]EntryView, error) {
	docs, err := e.Documents(ctx, s, registry.KindDataset, "")
	if err != nil {
		return nil, err
	}
	views := map[string]*EntryView{}
	for _, d := range docs {
		doc, meta, err := e.registry.Get(ctx, registry.KindDataset, d.Name)
		if err != nil {
			return nil, asError(err)
		}
		if views[d.Name], err = e.entryView(ctx, doc, meta.Version); err != nil {
			return nil, asError(err)
		}
	}
	var all []*edition
	err = e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		all, err = e.editions(ctx, tx, "")
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	for _, ed := range all {
		if !s.maySee(ed) {
			continue
		}
		if views[ed.name] == nil {
			if !ed.open() {
				continue // rejected or withdrawn, and never in force
			}
			views[ed.name] = &EntryView{Name: ed.name}
			views[ed.name].say(ed.spec)
		}
		views[ed.name].follow(ed)
	}
	out := []EntryView{}
	for _, v := range views {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b EntryView) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// entryView returns the line of an entry in force.
func (e *Engine) entryView(ctx context.Context, doc registry.Document, version int64) (*EntryView, error) {
	d, err := registry.SpecOf[registry.Dataset](doc)
	if err != nil {
		return nil, err
	}
	v := &EntryView{Name: doc.Name, Version: version, State: d.Status}
	v.say(d)
	v.ReviewLate = d.ReviewDue != "" && d.Status == registry.StatusPublished && e.cfg.Now().Format(time.DateOnly) > d.ReviewDue
	data, err := e.registry.CurrentVersion(ctx, d.Zone, doc.Name)
	if errors.Is(err, registry.ErrNotFound) {
		return v, nil
	}
	v.LoadedAt = &data.LoadedAt
	return v, err
}

func (v *EntryView) say(d registry.Dataset) {
	v.Title, v.Zone, v.Provider, v.Level, v.ShareType, v.OpenType = d.Title, d.Zone, d.Provider, d.Level(), d.ShareType, d.OpenType
	v.ReviewDue, v.Temporary, v.Frequency = d.ReviewDue, d.Temporary, d.Source.UpdateFrequency
}

// follow adds what an edition, the newest so far, says of the entry.
func (v *EntryView) follow(ed *edition) {
	v.Pending = ""
	if ed.open() {
		v.Pending = string(ed.State)
	}
	if ed.State == workflow.Changed && v.State == registry.StatusPublished {
		v.State, v.ChangedSince = string(workflow.Changed), &ed.MovedAt
	}
}

// Entry returns one entry with its editions as s may see it.
func (e *Engine) Entry(ctx context.Context, s Subject, name string) (*EntryDetail, error) {
	out := &EntryDetail{History: []EntryMoveView{}}
	docs, err := e.Documents(ctx, s, registry.KindDataset, name)
	switch {
	case err == nil:
		doc, meta, err := e.registry.Get(ctx, registry.KindDataset, name)
		if err != nil {
			return nil, asError(err)
		}
		v, err := e.entryView(ctx, doc, meta.Version)
		if err != nil {
			return nil, asError(err)
		}
		out.EntryView, out.InForce = *v, docs[0].Document
	case AsError(err).Code != "NOT_FOUND":
		return nil, err
	}
	var all []*edition
	err = e.registry.View(ctx, func(tx *sql.Tx) (err error) {
		all, err = e.editions(ctx, tx, name)
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	all = slices.DeleteFunc(all, func(ed *edition) bool { return !s.maySee(ed) })
	if len(all) == 0 && out.InForce == nil {
		return nil, fail("NOT_FOUND", nil)
	}
	for _, ed := range all {
		if out.Name == "" {
			out.Name = ed.name
		}
		if out.InForce == nil {
			out.say(ed.spec)
		}
		out.follow(ed)
		for i, step := range ed.History {
			out.History = append(out.History, EntryMoveView{Edition: ed.ID, Move: step.Move, From: string(step.From), To: string(step.To),
				At: step.At, By: step.User, Org: step.Org, Basis: ed.basis[i]})
		}
	}
	if len(all) == 0 || !all[len(all)-1].open() {
		return out, nil
	}
	return out, e.addEdition(ctx, s, out, all[len(all)-1])
}

// addEdition adds the edition under way and what was found in it.
func (e *Engine) addEdition(ctx context.Context, s Subject, out *EntryDetail, ed *edition) error {
	text, err := json.Marshal(ed.document)
	if err != nil {
		return asError(err)
	}
	out.Edition, out.Document = ed.ID, text
	faults, err := e.entryFaults(ctx, ed.Requester, ed.document)
	if err != nil {
		return asError(err)
	}
	out.Faults = faults
	out.Duplicates, err = e.duplicates(ctx, s, ed.document)
	if err != nil {
		return asError(err)
	}
	return nil
}
