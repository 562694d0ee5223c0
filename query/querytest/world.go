package querytest

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"zonebox/registry"
)

// providers are those who register and consent for each providing organization.
var providers = map[string]string{"public-security": "zheng.police", "hospital-group": "qian.hospital"}

// World makes a domain of what a page of facts says, with the organizations,
// people and zone of the city. Rows are loaded under the grants of the page's
// first scenario.
func World(t testing.TB, o Options, f Facts, rows map[string]Table) *Domain {
	t.Helper()
	d := New(t, o)
	d.Apply(Founder, cityDocument(t, "organizations"))
	d.Register(Cast...)
	d.Apply(Founder, cityDocument(t, "zone"))
	byProvider := map[string][]registry.Document{}
	for _, s := range f.Datasets {
		published := s.Spec
		published.Status = registry.StatusPublished
		byProvider[s.Spec.Provider] = append(byProvider[s.Spec.Provider], document(t, registry.KindDataset, s.Name, published))
	}
	for _, org := range slices.Sorted(maps.Keys(byProvider)) {
		d.Apply(providers[org], encode(t, byProvider[org]...))
	}
	for _, s := range f.Datasets {
		if s.Spec.Status != registry.StatusPublished {
			d.Apply(providers[s.Spec.Provider], encode(t, document(t, registry.KindDataset, s.Name, s.Spec)))
		}
	}
	for _, s := range f.Scenarios {
		d.scenario(f, s)
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		if f.Scenarios[0].Grants[name] == nil {
			t.Fatalf("facts: %s has rows and no grant in %s", name, f.Scenarios[0].Name)
		}
		data := rows[name].CSV()
		d.Load("wu.dc", Delivery("medical", name, f.Scenarios[0].Name+"-"+name, data, len(rows[name].Rows)), data)
	}
	for _, s := range f.Scenarios {
		d.withdraw(f, s)
	}
	return d
}

// scenario makes a license, a scenario under it, and its grants.
func (d *Domain) scenario(f Facts, s FactsScenario) {
	d.t.Helper()
	purpose := registry.Scenario{License: s.license(), Title: s.Title, PurposeCode: Purpose, PurposeClass: "COMMERCIAL",
		OutputForms: []string{"dataset"}, Recipients: []string{"li.op"}, Period: registry.Period{From: licenseStart, Until: licenseEnd}}
	d.Apply(Founder, encode(d.t, d.license(f, s, registry.StatusActive), document(d.t, registry.KindScenario, s.Name, purpose)),
		"sun.health", Founder, "li.op")
	var grants []registry.Document
	for _, dataset := range s.GrantedOrder {
		grants = append(grants, d.grant(f, s, dataset, registry.StatusActive))
	}
	d.Apply("sun.health", encode(d.t, grants...))
}

func (s FactsScenario) license() string { return s.Name + "-2026" }

// license is the city's, of the scenario and over every published dataset.
func (d *Domain) license(f Facts, s FactsScenario, status string) registry.Document {
	d.t.Helper()
	city, err := registry.Decode(strings.NewReader(cityDocument(d.t, "license")))
	if err != nil {
		d.t.Fatalf("read the city's license: %v", err)
	}
	spec, err := registry.SpecOf[registry.License](city[0])
	if err != nil {
		d.t.Fatalf("read the city's license: %v", err)
	}
	scope := registry.Scope{Purposes: []string{Purpose}}
	for _, x := range f.Datasets {
		if x.Spec.Status == registry.StatusPublished {
			scope.Datasets = append(scope.Datasets, x.Name)
		}
	}
	if spec.Sections["scope"], err = json.Marshal(scope); err != nil {
		d.t.Fatal(err)
	}
	if spec.Status = status; status != registry.StatusActive {
		spec.StatusReason = "NJ24-23"
	}
	return document(d.t, registry.KindLicense, s.license(), spec)
}

func (d *Domain) grant(f Facts, s FactsScenario, dataset, status string) registry.Document {
	d.t.Helper()
	i := slices.IndexFunc(f.Datasets, func(x FactsDataset) bool { return x.Name == dataset })
	if i < 0 {
		d.t.Fatalf("facts: scenario %s grants %s, which is no dataset", s.Name, dataset)
	}
	provider := f.Datasets[i].Spec.Provider
	g := registry.Grant{Scenario: s.Name, Dataset: dataset, LegalBasis: []string{"中华人民共和国个人信息保护法第十三条第一款第三项"}, Columns: s.Grants[dataset], Scope: s.Scope[dataset], From: s.From, Until: s.Until,
		ZReg: registry.Consent{By: "sun.health", Org: "health-commission"}, Prov: registry.Consent{By: providers[provider], Org: provider}}
	if status != registry.StatusActive {
		g.Status, g.StatusReason = status, "NJ24-15"
	}
	return document(d.t, registry.KindGrant, s.Name+"-"+dataset, g)
}

// withdraw revokes the grants of a scenario or suspends its license, where the
// page says so.
func (d *Domain) withdraw(f Facts, s FactsScenario) {
	d.t.Helper()
	if s.GrantStatus != registry.StatusActive {
		for _, dataset := range s.GrantedOrder {
			d.Apply("sun.health", encode(d.t, d.grant(f, s, dataset, s.GrantStatus)))
		}
	}
	if s.License != registry.StatusActive {
		d.Apply(Founder, encode(d.t, d.license(f, s, s.License)), Founder, "sun.health")
	}
}

func document(t testing.TB, kind, name string, spec any) registry.Document {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatalf("encode %s %s: %v", kind, name, err)
	}
	return registry.Document{Kind: kind, Name: name, Spec: text}
}

func encode(t testing.TB, docs ...registry.Document) string {
	t.Helper()
	text, err := json.Marshal(docs)
	if err != nil {
		t.Fatalf("encode documents: %v", err)
	}
	return string(text)
}

// ReadTable reads a CSV file with its header.
func ReadTable(text string) (Table, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		return Table{}, err
	}
	return Table{Columns: rows[0], Rows: rows[1:]}, nil
}
