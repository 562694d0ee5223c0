package registry

// Supply lets one zone use columns of a dataset that stays in a comprehensive zone,
// under that zone's keys (NJ24-05). It gives nobody anything: what a scenario of the
// other zone may have of it a Grant says, within the supply.
type Supply struct {
	FromZone string   `json:"from_zone"`
	ToZone   string   `json:"to_zone"`
	Dataset  string   `json:"dataset"`
	Columns  []string `json:"columns"`
	From     string   `json:"from"`
	Until    string   `json:"until"`
	Basis    string   `json:"basis"` // why the zone is supplied
	// Status is ACTIVE when empty.
	Status       string `json:"status,omitempty"`
	StatusReason string `json:"status_reason,omitempty"`

	FromZReg Consent `json:"from_zreg"` // the regulator of the zone that gives
	ToZReg   Consent `json:"to_zreg"`   // of the zone that is given
	Prov     Consent `json:"prov"`      // the dataset's provider, who signs last
}

// grant is the supply as a grant of its columns, to whoever.
func (s Supply) grant() Grant {
	g := Grant{Dataset: s.Dataset}
	for _, name := range s.Columns {
		g.Columns = append(g.Columns, GrantColumn{Name: name})
	}
	return g
}
