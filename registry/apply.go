package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Applied tells what became of one document.
type Applied struct {
	Kind, Name string
	Version    int64 // 0 if it is pending
	Changed    bool  // false if the document was in force, or pending, already
	// Effective is when a pending document comes into force, zero if it has.
	Effective time.Time
}

// Apply brings docs into force in the name of the person by, whom the caller
// has authenticated: all of them or, with a Refusal naming every fault found,
// none. Documents may come in any order; they are taken in the order in which
// kinds build on each other.
//
// Documents with an effective time to come are kept, and count for nothing until
// TakeEffect. They are checked as if they came into force now.
//
// A document equal to the one in force changes nothing. A new version of a
// document raises the revocation epoch, because decisions may rest on the old
// one. Each change emits an event of kind "apply".
//
// An empty registry accepts one thing: the city authority and its first person,
// who is by, both signed with that person's own key.
func (r *Registry) Apply(ctx context.Context, by string, docs []Document) ([]Applied, error) {
	return r.ApplyWith(ctx, by, docs, func(*Tx, []Applied) error { return nil })
}

// ApplyWith is Apply with what else happens in the same transaction: then is called
// once docs are in force, unless nothing changed, and its error undoes all.
func (r *Registry) ApplyWith(ctx context.Context, by string, docs []Document, then func(*Tx, []Applied) error) ([]Applied, error) {
	if err := checkShapes(docs); err != nil {
		return nil, err
	}
	var all []Applied
	err := r.Update(ctx, func(tx *Tx) (err error) {
		if all, err = tx.Apply(by, docs); err != nil {
			return err
		}
		if !slices.ContainsFunc(all, func(a Applied) bool { return a.Changed }) {
			return errUnchanged
		}
		return then(tx, all)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Apply is Registry.Apply as part of this transaction, which must end without
// a change if it fails.
func (tx *Tx) Apply(by string, docs []Document) ([]Applied, error) {
	if err := checkShapes(docs); err != nil {
		return nil, err
	}
	docs = slices.Clone(docs)
	slices.SortStableFunc(docs, func(a, b Document) int {
		return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
	})
	if err := settled(tx.ctx, tx.sql, tx.at); err != nil {
		return nil, err
	}
	due, err := dueOf(docs, tx.at)
	if err != nil {
		return nil, err
	}
	empty, err := tx.isEmpty()
	if err != nil {
		return nil, err
	}
	if empty {
		if !due.IsZero() {
			return nil, syntax("the first documents come into force at once", "首批文档须即时生效")
		}
		if err := tx.bootstrap(by, docs); err != nil {
			return nil, err
		}
	}
	actor, err := load[Person](tx.ctx, tx.r, tx.sql, KindPerson, by)
	switch {
	case err != nil:
		return nil, err
	case actor.Spec.Status != personActive:
		return nil, fmt.Errorf("registry: person %s: %w", by, ErrInactive)
	}
	if !due.IsZero() {
		return tx.pend(by, actor.Spec, docs, due)
	}
	var all []Applied
	for _, d := range docs {
		a, err := tx.apply(by, actor.Spec, d, nil)
		if err != nil {
			return nil, err
		}
		a.Changed = a.Changed || empty
		all = append(all, a)
	}
	ended, err := tx.endAccounts(by, all)
	if err != nil {
		return nil, err
	}
	return append(all, ended...), nil
}

// Check returns every fault that Apply would find in one document, in the name of
// by, and changes nothing. The signatures of people who have still to sign are
// faults as well, at the path /signatures.
func (r *Registry) Check(ctx context.Context, by string, doc Document) ([]Fault, error) {
	errChecked := errors.New("checked")
	err := r.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Apply(by, []Document{doc}); err != nil {
			return err
		}
		return errChecked
	})
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Faults, nil
	case errors.Is(err, errChecked):
		return nil, nil
	}
	return nil, err
}

func checkShapes(docs []Document) error {
	if len(docs) == 0 {
		return syntax("no document", "没有文档")
	}
	var faults []Fault
	seen := make(map[[2]string]bool)
	for _, d := range docs {
		faults = append(faults, checkShape(d)...)
		if seen[[2]string{d.Kind, d.Name}] {
			t := say("stands in the input twice", "在输入中出现两次")
			faults = append(faults, Fault{Code: CodeSyntax, Kind: d.Kind, Name: d.Name, EN: t.en, ZH: t.zh})
		}
		seen[[2]string{d.Kind, d.Name}] = true
	}
	if len(faults) > 0 {
		return &Refusal{faults}
	}
	return nil
}

// rules checks a document of each kind against what the registry holds.
var rules = map[string]func(*change){
	KindOrganization: (*change).organization,
	KindPerson:       (*change).person,
	KindZone:         (*change).zoneRules,
	KindDataset:      (*change).dataset,
	KindCall:         (*change).call,
	KindLicense:      (*change).license,
	KindSupply:       (*change).supply,
	KindScenario:     (*change).scenario,
	KindGrant:        (*change).grant,
	KindPartner:      (*change).partner,
	KindException:    (*change).exception,
	KindTemplate:     (*change).template,
	KindRequest:      (*change).request,
	KindNegativeList: (*change).negativeList,
	KindQualityRules: (*change).qualityRules,
	KindRetention:    (*change).retention,
	KindSourceRuling: (*change).sourceRuling,
	KindRestriction:  (*change).restriction,
}

// apply takes one document through its checks, in this order: may this role
// submit this kind at all, is it new, are its signatures good, do the rules of
// its kind hold. pending is what waited for its time, nil if it comes at once.
func (tx *Tx) apply(by string, actor Person, d Document, pending *PendingDocument) (Applied, error) {
	c := &change{tx: tx, by: by, actor: actor, doc: d, pending: pending}
	if !slices.ContainsFunc(appliers[d.Kind], c.has) {
		c.fault(CodeRole, "", "NJ24-04", say("%s may not apply this kind of document", "%s 无权提交此类文档", by))
		return Applied{}, &Refusal{c.faults}
	}
	switch old, err := tx.r.get(tx.ctx, tx.sql, d.Kind, d.Name); {
	case err == nil:
		c.old = &old
	case !errors.Is(err, ErrNotFound):
		return Applied{}, err
	}
	if c.old != nil && bytes.Equal(d.Payload(), c.old.Payload()) && sameSignatures(d.Signatures, c.old.Signatures) {
		return Applied{Kind: d.Kind, Name: d.Name, Version: c.old.Meta.Version}, nil
	}
	c.inTurn()
	c.checkSignatures(c.knownPerson)
	rules[d.Kind](c)
	c.second()
	return tx.accept(c)
}

// takesAway reports whether a document of the kind takes something away when it is
// new. Others do by a new version only.
func takesAway(kind string) bool { return kind == KindNegativeList || kind == KindRestriction }

func sameSignatures(a, b []Signature) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// accept stores a change without faults, with its event.
func (tx *Tx) accept(c *change) (Applied, error) {
	if c.err != nil {
		return Applied{}, c.err
	}
	if len(c.faults) > 0 {
		return Applied{}, &Refusal{c.faults}
	}
	a := Applied{Kind: c.doc.Kind, Name: c.doc.Name, Version: 1, Changed: true}
	if c.old != nil {
		a.Version = c.old.Meta.Version + 1
	}
	if c.old != nil || takesAway(c.doc.Kind) {
		if err := tx.BumpEpoch(); err != nil {
			return Applied{}, err
		}
	}
	s := stored{
		Document: c.doc,
		Signers:  c.signerRecords(),
		Meta:     Meta{Kind: a.Kind, Name: a.Name, Parent: c.parent, Version: a.Version, By: c.by},
	}
	if c.pending != nil {
		s.Submitted = c.pending.At
	}
	if err := tx.put(s); err != nil {
		return Applied{}, err
	}
	if err := c.useSignatures(a.Version); err != nil {
		return Applied{}, err
	}
	if c.recipes {
		err := tx.Emit(Event{Kind: "recipe.changed", Actor: c.by, Zone: c.zone, Fields: map[string]string{
			"kind": a.Kind, "name": a.Name, "version": strconv.FormatInt(a.Version, 10), "by": c.signerNames()}})
		if err != nil {
			return Applied{}, err
		}
	}
	return a, tx.Emit(Event{Kind: "apply", Actor: c.by, Zone: c.zone, Fields: map[string]string{
		"kind":    a.Kind,
		"name":    a.Name,
		"version": strconv.FormatInt(a.Version, 10),
		"epoch":   strconv.FormatInt(tx.epoch, 10),
	}})
}

// signerRecords returns who signed, in the role that counted. A version that
// changes nothing but its status keeps the signatures under its content.
func (c *change) signerRecords() []Signer {
	var all []Signer
	for _, s := range c.signers {
		for _, role := range s.person.Roles {
			all = append(all, Signer{s.name, s.person.Organization, role, s.at.UTC().Format(timeLayout)})
		}
	}
	if c.onlyDiffers(statusFields...) {
		for _, s := range c.old.Signers {
			if !slices.ContainsFunc(all, func(n Signer) bool { return n.By == s.By && n.Role == s.Role }) {
				all = append(all, s)
			}
		}
	}
	return all
}

// signerNames lists who signed.
func (c *change) signerNames() string {
	var names []string
	for _, s := range c.signers {
		names = append(names, s.name)
	}
	return strings.Join(names, " ")
}

// bootstrap writes the first organization and person into an empty registry.
func (tx *Tx) bootstrap(by string, docs []Document) error {
	if len(docs) != 2 || docs[0].Kind != KindOrganization || docs[1].Kind != KindPerson || docs[1].Name != by {
		return syntax("an empty registry accepts the city authority and its first person, applied by that person, and nothing else",
			"空登记库只接受市数据主管部门及其首位人员,并由该人员本人提交")
	}
	first, err := SpecOf[Person](docs[1])
	if err != nil {
		return err
	}
	itself := func(name, path string) (Person, bool) { return first, name == by }
	for _, d := range docs {
		c := &change{tx: tx, by: by, actor: first, doc: d}
		c.checkSignatures(itself)
		if !slices.ContainsFunc(c.signers, func(s signer) bool { return s.name == by }) {
			c.fault(CodeSignature, "/signatures", "NJ24-04", say("the signature of %s, with the key of the document Person, is missing", "缺少 %s 以本人登记公钥作出的签名", by))
		}
		if d.Kind == KindOrganization {
			org, _ := specs[Organization](c)
			if org.Kind != orgCityAuthority {
				c.fault(CodeRole, "/spec/kind", "NJ24-06", say("the first organization must be the city authority", "首个机构须为市数据主管部门"))
			}
			c.organization()
		} else {
			if !slices.Contains(first.Roles, RoleCityAuthority) {
				c.fault(CodeRole, "/spec/roles", "NJ24-06", say("the first person must have the role city_authority", "首位人员须具有 city_authority 角色"))
			}
			c.anyPerson()
		}
		if _, err := tx.accept(c); err != nil {
			return err
		}
	}
	return nil
}
