package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/gowebpki/jcs"
)

// change is one document on its way into the registry. The rules of its kind
// collect faults; err holds a failure of the registry itself and ends all.
type change struct {
	tx      *Tx
	by      string
	actor   Person
	doc     Document
	old     *stored // the version in force, nil for a new document
	signers []signer
	faults  []Fault
	err     error

	pending *PendingDocument // what waited for its time until now, nil if it comes at once

	parent string // filled by the rules, see Meta.Parent
	zone   string // the zone the change concerns, "" for none

	recipes bool // it says how columns are masked
}

// signer is a person whose signature on the document was verified.
type signer struct {
	name   string
	at     time.Time
	person Person
}

func (c *change) fault(code, path, article string, t text) {
	c.faults = append(c.faults, Fault{code, c.doc.Kind, c.doc.Name, path, t.zh, t.en, article})
}

// ref returns the spec of a document that c names at path; if there is none
// that is a fault of c.
func ref[T any](c *change, kind, name, path string) (T, bool) {
	var zero T
	if c.err != nil {
		return zero, false
	}
	v, err := load[T](c.tx.ctx, c.tx.r, c.tx.sql, kind, name)
	if errors.Is(err, ErrNotFound) {
		c.missing(kind, name, path)
		return zero, false
	}
	if err != nil {
		c.err = err
		return zero, false
	}
	return v.Spec, true
}

// missing faults the name of a document that is not there.
func (c *change) missing(kind, name, path string) {
	c.fault(CodeReference, path, "", say("no %s is named %s", "没有名为 %[2]s 的 %[1]s", kind, name))
}

// specs decodes the new spec and, if there is one, the spec in force.
func specs[T any](c *change) (now T, before *T) {
	now, err := SpecOf[T](c.doc)
	if err != nil {
		c.err = err
		return now, nil
	}
	if c.old != nil {
		b, err := SpecOf[T](c.old.Document)
		if err != nil {
			c.err = err
			return now, nil
		}
		before = &b
	}
	return now, before
}

// fixed refuses a change of a field that stays as it was first written.
func (c *change) fixed(path, before, now string) {
	if c.old != nil && before != now {
		c.fault(CodeImmutable, path, "", say("never changes once applied; apply a new %s instead", "一经登记不得变更,请另立新的 %s", c.doc.Kind))
	}
}

// onlyDiffers reports whether nothing but the given fields of the spec differs
// from the version in force.
func (c *change) onlyDiffers(fields ...string) bool {
	if c.old == nil {
		return false
	}
	a, errA := without(c.doc.Spec, fields)
	b, errB := without(c.old.Spec, fields)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func without(spec json.RawMessage, fields []string) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(spec, &m); err != nil {
		return nil, err
	}
	for _, f := range fields {
		delete(m, f)
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(plain)
}

// has reports whether the submitting person holds role.
func (c *change) has(role string) bool { return slices.Contains(c.actor.Roles, role) }

// signedBy reports whether some signer is of the party.
func (c *change) signedBy(p party) bool {
	return slices.ContainsFunc(c.signers, func(s signer) bool { return p.admits(s.person) })
}

// needSignatures faults every party without a signature.
func (c *change) needSignatures(code, article string, parties []party) {
	for _, p := range parties {
		if c.signedBy(p) {
			continue
		}
		if p.org == "" {
			c.fault(code, "/signatures", article, say("the signature of a person with role %s is missing", "缺少角色为 %s 的人员签名", p.role))
			continue
		}
		c.fault(code, "/signatures", article, say("the signature of a person with role %s of %s is missing", "缺少 %[2]s 中角色为 %[1]s 的人员签名", p.role, p.org))
	}
}
