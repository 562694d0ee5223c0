package query

import "cmp"

// Origin tells where the rows of a data version come from.
type Origin struct {
	Provider string `json:"provider"`            // organization
	Grant    string `json:"grant"`               // it was delivered under
	Delivery string `json:"delivery"`            // SHA-256 of the file as delivered, hex
	Acquired string `json:"acquired"`            // 2006-01-02
	Mode     string `json:"mode"`                // full, append or upsert
	Base     string `json:"base,omitempty"`      // version that an append or upsert stands on
	SignedBy string `json:"signed_by,omitempty"` // person of the provider
	LoadedBy string `json:"loaded_by"`
}

// Responsible is who answers for one stage of the work in a zone.
type Responsible struct {
	Stage  string `json:"stage"`
	Person string `json:"person"`
}

// origin returns where the delivery comes from.
func (l *loading) origin() Origin {
	m := l.manifest
	o := Origin{Provider: l.dataset.Spec.Provider, Grant: m.Grant, Delivery: m.SHA256, Acquired: m.Acquired,
		Mode: cmp.Or(m.Mode, ModeFull), Base: m.Base, LoadedBy: l.subject.user}
	if l.signed != nil {
		o.SignedBy = l.signed.By
	}
	return o
}

func (l *loading) responsible() []Responsible {
	out := []Responsible{}
	for _, r := range l.facts.Zone.Spec.Responsible {
		out = append(out, Responsible{Stage: r.Stage, Person: r.Person})
	}
	return out
}

// stages returns "stage person" of each.
func stages(all []Responsible) []string {
	var out []string
	for _, r := range all {
		out = append(out, r.Stage+" "+r.Person)
	}
	return out
}
