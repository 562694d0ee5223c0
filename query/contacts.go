package query

import (
	"context"
	"errors"
	"slices"
	"strings"

	"zonebox/masking"
	"zonebox/masking/china"
	"zonebox/registry"
)

// ContactView is how somebody is reached: masked, unless Whole.
type ContactView struct {
	Person       string `json:"person"`
	RealName     string `json:"real_name"`
	Organization string `json:"organization"`
	Phone        string `json:"phone,omitempty"`
	Email        string `json:"email,omitempty"`
	Whole        bool   `json:"whole,omitempty"`
}

// ContactOrder says how somebody is reached; with neither number nor address nobody
// can any more.
type ContactOrder struct {
	Person string `json:"person,omitempty"` // whoever asks, when empty
	Phone  string `json:"phone,omitempty"`
	Email  string `json:"email,omitempty"`
}

// ContactRequest asks for a contact as it is.
type ContactRequest struct {
	Person string `json:"person,omitempty"`
	Reason string `json:"reason,omitempty"` // needed for anybody else's
}

// Contacts lists how the people are reached whose documents s may see, masked
// (NJ19-34).
func (e *Engine) Contacts(ctx context.Context, s Subject) ([]ContactView, error) {
	all, err := e.registry.Contacts(ctx)
	if err != nil {
		return nil, asError(err)
	}
	out := []ContactView{}
	err = e.each(ctx, registry.KindPerson, func(doc registry.Document) error {
		c, has := all[doc.Name]
		visible, err := s.visible(doc, reach{})
		if err != nil || !visible || !has {
			return err
		}
		p, err := registry.SpecOf[registry.Person](doc)
		out = append(out, ContactView{Person: doc.Name, RealName: p.RealName, Organization: p.Organization, Phone: maskedField("phone", c.Phone), Email: maskedField("email", c.Email)})
		return err
	})
	if err != nil {
		return nil, asError(err)
	}
	slices.SortFunc(out, func(a, b ContactView) int { return strings.Compare(a.Person, b.Person) })
	return out, nil
}

func maskedField(field, value string) string {
	if value == "" {
		return ""
	}
	return masking.Display(field, value)
}

// SetContact says how a person is reached: the person, or the city authority.
func (e *Engine) SetContact(ctx context.Context, s Subject, o ContactOrder) (*ContactView, error) {
	v, err := e.reachable(ctx, s, &o.Person)
	if err != nil {
		return nil, err
	}
	if o.Phone != "" && !china.Mobile(o.Phone) && !china.Landline(o.Phone) {
		return nil, BadRequest("电话须为 11 位手机号码,或含区号的固定电话号码,只写数字", "the phone must be a mobile number of 11 digits or a fixed line with its area code, digits only")
	}
	if o.Email != "" && (len(o.Email) > 254 || masking.Display("email", o.Email) == masking.Redacted) {
		return nil, BadRequest("邮箱地址不合规范", "this is no email address")
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		if err := tx.PutContact(o.Person, registry.Contact{Phone: o.Phone, Email: o.Email}); err != nil {
			return err
		}
		return tx.Emit(registry.Event{Kind: "contact.changed", Actor: s.user, Fields: map[string]string{"person": o.Person, "org": s.organization}})
	})
	if err != nil {
		return nil, asError(err)
	}
	v.Phone, v.Email = maskedField("phone", o.Phone), maskedField("email", o.Email)
	return v, nil
}

// ShowContact returns how a person is reached as it is, to the person and, for a
// reason, to the city authority. The log is told before anything is shown.
func (e *Engine) ShowContact(ctx context.Context, s Subject, q ContactRequest) (*ContactView, error) {
	v, err := e.reachable(ctx, s, &q.Person)
	if err != nil {
		return nil, err
	}
	if q.Person != s.user && strings.TrimSpace(q.Reason) == "" {
		return nil, BadRequest("须说明理由 (--reason)", "say why (--reason)")
	}
	all, err := e.registry.Contacts(ctx)
	if err != nil {
		return nil, asError(err)
	}
	c, has := all[q.Person]
	if !has {
		return nil, fail("NOT_FOUND", nil)
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: "contact.shown", Actor: s.user, Fields: map[string]string{"person": q.Person, "org": s.organization, "reason": clip(q.Reason)}})
	})
	if err != nil {
		return nil, asError(err)
	}
	v.Phone, v.Email, v.Whole = c.Phone, c.Email, true
	return v, nil
}

// reachable returns the person, whom s names or is, if s may say and learn how the
// person is reached.
func (e *Engine) reachable(ctx context.Context, s Subject, person *string) (*ContactView, error) {
	if *person == "" {
		*person = s.user
	}
	doc, _, err := e.registry.Get(ctx, registry.KindPerson, *person)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fail("NOT_FOUND", nil)
	}
	if err != nil {
		return nil, asError(err)
	}
	visible, err := s.visible(doc, reach{})
	if err != nil {
		return nil, asError(err)
	}
	if !visible {
		return nil, fail("NOT_FOUND", nil)
	}
	if *person != s.user && !s.any(registry.RoleCityAuthority) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	p, err := registry.SpecOf[registry.Person](doc)
	if err != nil {
		return nil, asError(err)
	}
	return &ContactView{Person: *person, RealName: p.RealName, Organization: p.Organization}, nil
}
