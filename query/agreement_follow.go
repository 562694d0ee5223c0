package query

import (
	"context"
	"errors"
	"slices"

	"zonebox/registry"
	"zonebox/workflow"
)

// licensesBefore returns the licenses among docs as they were committed last, by name:
// what a transaction under way writes is not seen yet.
func (e *Engine) licensesBefore(ctx context.Context, docs []registry.Document) (map[string]registry.License, error) {
	was := map[string]registry.License{}
	for _, d := range docs {
		if d.Kind != registry.KindLicense {
			continue
		}
		doc, _, err := e.registry.Get(ctx, registry.KindLicense, d.Name)
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if was[d.Name], err = registry.SpecOf[registry.License](doc); err != nil {
			return nil, err
		}
	}
	return was, nil
}

// followLicenses moves the courses of licenses that were put into force with them, in
// one transaction: a license that names a course comes into force as its course was
// signed and in no other way, and whatever suspends, resumes or ends it moves the
// course. A license without a course was concluded outside and follows its document
// alone.
func (e *Engine) followLicenses(tx *registry.Tx, by string, docs []registry.Document, done []registry.Applied) error {
	was, err := e.licensesBefore(tx.Context(), docs)
	if err != nil {
		return err
	}
	for _, d := range docs {
		if d.Kind != registry.KindLicense || !changedOf(done, d.Name) {
			continue
		}
		now, err := registry.SpecOf[registry.License](d)
		if err != nil {
			return err
		}
		if now.Course == "" {
			continue
		}
		if slices.ContainsFunc(done, func(a registry.Applied) bool { return a.Kind == d.Kind && a.Name == d.Name && !a.Effective.IsZero() }) {
			return fail("AGREEMENT_STATE", nil).because("有办理事项的协议即时生效", "a license with a course comes into force at once")
		}
		before, known := was[d.Name]
		move := ""
		switch {
		case !known && now.Status == registry.StatusActive:
			move = "activate"
		case !known:
			return fail("AGREEMENT_STATE", nil)
		case before.Status == now.Status:
			continue
		case now.Status == registry.StatusActive:
			move = "resume"
		case now.Status == registry.StatusSuspended:
			move = "suspend"
		default:
			move = "terminate"
		}
		if err := e.follow(tx, by, d, now, move); err != nil {
			return err
		}
	}
	return nil
}

func changedOf(done []registry.Applied, name string) bool {
	for _, a := range done {
		if a.Kind == registry.KindLicense && a.Name == name {
			return a.Changed
		}
	}
	return false
}

// follow makes one move of a course in the name of who put the document into force.
func (e *Engine) follow(tx *registry.Tx, by string, doc registry.Document, l registry.License, move string) error {
	p, err := e.registry.Person(tx.Context(), by)
	if err != nil {
		return err
	}
	c, err := e.courseOf(tx.Context(), tx.SQL(), l.Course)
	if err != nil {
		return err
	}
	m := &courseMove{engine: e, ctx: tx.Context(), course: c, order: AgreementOrder{Move: move, Basis: l.StatusReason},
		subject: Subject{user: by, organization: p.Organization, roles: p.Roles}}
	input := ""
	if move == "activate" {
		input = digestOf(doc)
	}
	return m.do(tx, courseNote{Basis: l.StatusReason}, input)
}

// courseExpired moves the course of a license that the clock ended.
func (e *Engine) courseExpired(tx *registry.Tx, l registry.License) error {
	if l.Course == "" {
		return nil
	}
	c, err := e.courseOf(tx.Context(), tx.SQL(), l.Course)
	if err != nil {
		return err
	}
	m := &courseMove{engine: e, ctx: tx.Context(), course: c, order: AgreementOrder{Move: "expire"}, subject: Subject{user: gate.User, roles: gate.Roles}}
	return m.do(tx, courseNote{Basis: l.End}, "")
}

// courseMoveError maps a refusal of the workflow.
func courseMoveError(err error) error {
	switch {
	case errors.Is(err, workflow.ErrInput):
		return fail("AGREEMENT_MOVED", err)
	case errors.Is(err, workflow.ErrState), errors.Is(err, workflow.ErrMove):
		return fail("AGREEMENT_STATE", err)
	}
	return courseError(err)
}
