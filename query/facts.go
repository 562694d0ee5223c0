package query

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"zonebox/policy"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/sandbox"
)

// policyFacts returns the facts of requirements' decision input that the
// registry and the host know. What a run adds (query, masking, output,
// approvals) its steps fill in.
func (e *Engine) policyFacts(action string, f registry.Facts) policy.Input {
	no := false
	pack, _ := e.policy().Pack(f.Zone.Spec.Pack) // without one everything is denied
	dishonesty, incident := onRecord(f.Operator.Spec, pack, e.cfg.Now())
	in := policy.Input{
		Action: action,
		Subject: &policy.Subject{
			UserID: f.Subject.Name, RealName: f.Subject.Spec.RealName != "", AuthMethod: "signed_request",
			Org: f.Subject.Spec.Organization, OrgKind: f.SubjectOrg.Spec.Kind, Roles: f.Subject.Spec.Roles,
			AccountStatus: f.Subject.Spec.Status, ConfidentialityRef: f.Subject.Spec.ConfidentialityRef,
		},
		Operator: &policy.Operator{
			ID: f.Operator.Name, OrgForm: f.Operator.Spec.OrgForm, CreditCode: f.Operator.Spec.CreditCode,
			SecurityOfficer: f.Operator.Spec.SecurityOfficer, SecurityDepartment: f.Operator.Spec.SecurityDepartment,
			Incident3Y: &incident, Dishonesty3Y: &dishonesty,
		},
		Zone: &policy.Zone{
			ID: f.Zone.Name, Kind: f.Zone.Spec.Kind, Domain: f.Zone.Spec.Domain, Regulator: f.Zone.Spec.Regulator,
			Status: f.Zone.Spec.Status, Pack: f.Zone.Spec.Pack,
		},
		License: &policy.License{
			ID: f.License.Name, Type: f.License.Spec.Type, Status: f.License.Spec.Status, Zone: f.License.Spec.Zone,
			Operator: f.License.Spec.Operator, Start: f.License.Spec.Start, End: f.License.Spec.End,
			RenewedBasis: f.License.Spec.RenewedBasis,
			PurposeClass: f.License.Spec.PurposeClass, AwardMethod: f.License.Spec.AwardMethod, AwardRef: f.License.Spec.AwardRef,
		},
		Scenario: &policy.Scenario{
			ID: f.Scenario.Name, License: f.Scenario.Spec.License, PurposeCode: f.Scenario.Spec.PurposeCode,
			PurposeClass: f.Scenario.Spec.PurposeClass, OutputForms: f.Scenario.Spec.OutputForms,
			Recipients: []string{}, From: f.Scenario.Spec.Period.From, Until: f.Scenario.Spec.Period.Until,
		},
		// Whether rows are by consent is known of a statement: see consentFacts.
		Consent:  &policy.Consent{Required: &no, BlanketFound: &no},
		Datasets: map[string]policy.Dataset{},
		Columns:  map[string]policy.Column{},
	}
	if scope, err := f.License.Spec.Scope(); err == nil {
		in.License.Purposes = append([]string{}, scope.Purposes...)
	}
	in.Restrictions = []policy.Restriction{}
	for _, r := range f.Restrictions {
		in.Restrictions = append(in.Restrictions, policy.Restriction{ID: r.Name, Level: r.Spec.Level, Target: r.Spec.Target, Degree: r.Spec.Degree,
			Rate: int64(r.Spec.Rate), MaxLevel: r.Spec.MaxLevel, AggregatesOnly: r.Spec.AggregatesOnly, Until: r.Spec.Until})
	}
	in.Exceptions = []policy.Exception{}
	for _, x := range f.Exceptions {
		// The others are of no statement about these datasets.
		i := slices.IndexFunc(f.Datasets, func(d registry.DatasetFacts) bool { return d.Name == x.Spec.Dataset })
		if i >= 0 {
			in.Exceptions = append(in.Exceptions, exceptionFacts(x, f.Datasets[i].Spec.Provider))
		}
	}
	for _, s := range f.Supplies {
		in.Supply = append(in.Supply, supplyFacts(s))
	}
	if f.Partner != nil {
		in.Subject.PartnerOf, in.Subject.Partner = f.License.Spec.Operator, partnerFacts(*f.Partner)
	}
	for _, p := range f.Recipients {
		// Who left receives nothing, and a partner nothing but what it asked itself.
		if p.Spec.Status == "active" && slices.Contains([]string{f.Operator.Name, f.SubjectOrg.Name}, p.Spec.Organization) {
			in.Scenario.Recipients = append(in.Scenario.Recipients, p.Name)
		}
	}
	for _, ev := range f.Operator.Spec.Evidence {
		in.Operator.Evidence = append(in.Operator.Evidence, policy.Evidence{Kind: ev.Kind, ValidUntil: ev.ValidUntil})
	}
	for _, r := range f.Zone.Spec.Responsible {
		in.Zone.Responsible = append(in.Zone.Responsible, policy.Responsible{Stage: r.Stage, Person: r.Person})
	}
	for name, text := range f.License.Spec.Sections {
		if len(text) > 0 {
			in.License.Sections = append(in.License.Sections, name)
		}
	}
	slices.Sort(in.License.Sections)
	for _, s := range f.License.Signatures {
		in.License.Signatures = append(in.License.Signatures, policy.Signature{By: s.By, Org: s.Org, Roles: []string{s.Role}, Valid: true})
	}
	for _, g := range f.Grants {
		in.Grants = append(in.Grants, grantFacts(g))
	}
	for _, d := range f.Datasets {
		whole, columns := registry.Listed(f.Negative, d.Name, d.Spec)
		in.Datasets[d.Name] = datasetFacts(d, whole, e.cfg.Now())
		for _, c := range d.Spec.Columns {
			listed := whole || slices.Contains(columns, c.Name)
			in.Columns[d.Name+"."+c.Name] = policy.Column{
				Dataset: d.Name, Name: c.Name, Level: c.Level, Class: c.Class,
				SecretFlag: &c.SecretFlag, PersonalInfo: &c.PersonalInfo, NegativeListed: &listed, Suspended: &no,
				PublicCodes: len(c.PublicCodes) > 0,
			}
		}
	}
	return in
}

// about returns f without the entries of datasets that are not named: a zone has
// many, and no rule looks at one that a decision is not about.
func about(f registry.Facts, datasets map[string]bool) registry.Facts {
	var some []registry.DatasetFacts
	for _, d := range f.Datasets {
		if datasets[d.Name] {
			some = append(some, d)
		}
	}
	f.Datasets = some
	return f
}

func supplyFacts(s registry.SupplyFacts) policy.Supply {
	out := policy.Supply{
		ID: s.Name, FromZone: s.Zone.Name, FromKind: s.Zone.Spec.Kind, FromStatus: s.Zone.Spec.Status, FromPack: s.Zone.Spec.Pack, FromRegulator: s.Zone.Spec.Regulator,
		ToZone: s.Spec.ToZone, Dataset: s.Spec.Dataset, Columns: list(s.Spec.Columns), From: s.Spec.From, Until: s.Spec.Until,
		FromZReg: step(s.Spec.FromZReg), ToZReg: step(s.Spec.ToZReg), Provider: step(s.Spec.Prov), EntryChanged: []string{},
	}
	for _, m := range s.Moves {
		out.EntryChanged = append(out.EntryChanged, m.String(s.Spec.Dataset))
	}
	return out
}

// step is a consent as policy sees it.
func step(c registry.Consent) *policy.Step { return &policy.Step{By: c.By, Org: c.Org, At: c.At} }

func exceptionFacts(x registry.Versioned[registry.Exception], provider string) policy.Exception {
	return policy.Exception{ID: x.Name, Relaxes: x.Spec.Relaxes, License: x.Spec.License, Scenario: x.Spec.Scenario, Dataset: x.Spec.Dataset, Provider: provider,
		Value: x.Spec.Value, From: x.Spec.From, Until: x.Spec.Until, City: step(x.Spec.City), ZReg: step(x.Spec.ZReg), Prov: step(x.Spec.Prov)}
}

func partnerFacts(p registry.Versioned[registry.Partner]) *policy.Partner {
	return &policy.Partner{ID: p.Name, License: p.Spec.License, Scenarios: list(p.Spec.Scenarios), Grants: list(p.Spec.Grants),
		Status: p.Spec.Status, From: p.Spec.From, Until: p.Spec.Until}
}

func grantFacts(g registry.GrantFacts) policy.Grant {
	status := "APPROVED"
	if g.Spec.Status != "" && g.Spec.Status != registry.StatusActive {
		status = g.Spec.Status
	}
	for _, z := range g.Bridges {
		if z.Spec.Status != registry.StatusActive { // its tokens are nobody's then, in whatever zone
			status = "BRIDGE_" + z.Spec.Status
		}
	}
	out := policy.Grant{
		ID: g.Name, Scenario: g.Spec.Scenario, Dataset: g.Spec.Dataset, Status: status, From: g.Spec.From, Until: g.Spec.Until,
		Regulator: step(g.Spec.ZReg), Provider: step(g.Spec.Prov),

		Basis: g.Spec.Basis, LegalBasis: list(g.Spec.LegalBasis), EntryChanged: []string{},
	}
	for _, m := range g.Moves {
		out.EntryChanged = append(out.EntryChanged, m.String(g.Spec.Dataset))
	}
	for _, c := range g.Spec.Columns {
		col := policy.GrantColumn{Name: c.Name, Mode: c.Mode, Permissions: c.Permissions}
		if r := recipeOf(c.Recipe); r != nil {
			col.Recipe = r.String()
		}
		out.Columns = append(out.Columns, col)
	}
	return out
}

// datasetFacts fills the flags that documents of this version cannot set with
// what their absence means: a catalogue entry that is published is not suspended.
func datasetFacts(d registry.DatasetFacts, listed bool, now time.Time) policy.Dataset {
	suspended, no := d.Spec.Status == registry.StatusSuspended, false
	out := policy.Dataset{
		CatalogueStatus: d.Spec.Status, Zone: d.Spec.Zone, Provider: d.Spec.Provider, ProviderType: d.Spec.ProviderType,
		ShareType: d.Spec.ShareType, OpenType: d.Spec.OpenType,
		SecretFlag: &d.Spec.SecretFlag, PersonalInfo: &d.Spec.PersonalInfo, PublicSafety: &d.Spec.PublicSafety,
		NegativeListed: &listed, Suspended: &suspended, Disputed: &no, Temporary: &d.Spec.Temporary,
		DigestOK: true, // every file is checked as it is read
		AgeDays:  age(d, now),
	}
	if d.Data != nil {
		out.Version = d.Data.Version
	}
	return out
}

// queryFacts returns what the analysis found, for the decision.
func queryFacts(req Request, s *analysis.Statement, tree [32]byte) *policy.Query {
	sql := sha256.Sum256([]byte(req.SQL))
	q := &policy.Query{
		SQLSHA256: hex.EncodeToString(sql[:]), TreeSHA256: hex.EncodeToString(tree[:]), ParamsSHA256: req.parametersDigest(),
		Statements: 1, Kind: "SELECT",
		Tables: list(s.Facts.Tables), ColumnsRead: list(s.Facts.ColumnsRead), FilterCols: list(s.Facts.FilterCols),
		JoinCols: list(s.Facts.JoinCols), GroupCols: list(s.Facts.GroupCols), Functions: list(s.Facts.Functions),
		ExternalRefs: []string{}, Star: s.Facts.Star, Outputs: []policy.QueryOutput{},
		Protected: &s.Protected, RecordLevel: &s.RecordLevel,
		ScenarioID: req.Scenario, PurposeCode: req.Purpose, Recipient: req.Recipient,
	}
	for _, o := range s.Outputs {
		q.Outputs = append(q.Outputs, policy.QueryOutput{Name: o.Name, Form: o.Form, Lineage: lineage(o)})
	}
	return q
}

// list returns v, or an empty list: policy takes a missing one as a missing
// fact.
func list(v []string) []string { return append([]string{}, v...) }

func lineage(o analysis.Output) []string {
	out := []string{}
	for _, ref := range o.Lineage {
		out = append(out, ref.Table+"."+ref.Column)
	}
	return out
}

// suite is what data are encrypted with.
const suite = "AES256-GCM"

// maskingFacts lists the recipes the projection of a statement will apply.
func (c *catalog) maskingFacts(s *analysis.Statement, keys bool) *policy.Masking {
	m := &policy.Masking{Recipes: []policy.Recipe{}, KeysAvailable: keys, Suite: suite}
	for _, scan := range s.Scans {
		for _, t := range c.Tables {
			if t.Name != scan.Table {
				continue
			}
			for _, col := range t.Columns {
				if col.Recipe != "" && slices.Contains(scan.Columns, col.Name) {
					m.Recipes = append(m.Recipes, policy.Recipe{Column: t.Name + "." + col.Name, Recipe: col.Recipe})
				}
			}
		}
	}
	return m
}

// hostFacts says what holds in the gate itself. The audit log is tried by the
// intent that every action writes before it happens; the clock is the host's.
func hostFacts() *policy.Runtime { return &policy.Runtime{AuditWritable: true, ClockOK: true} }

// runtimeFacts adds what is in force in a worker.
func runtimeFacts(a sandbox.Attestation) *policy.Runtime {
	layers := a.Layers()
	r := hostFacts()
	r.EngineHardened = layers&sandbox.Strict == sandbox.Strict
	r.NetworkNone = layers&(sandbox.LayerSeccomp|sandbox.LayerNamespaces) != 0
	r.ExtensionsLocked = true // linked without any that load, and its configuration is locked
	r.SpillEncrypted = true   // it is memory, and there is none where memory may reach a disk in the clear
	r.BinarySHA256 = a.Binary
	return r
}

// details turns policy's reasons into an error's.
func details(reasons []policy.Reason) []Detail {
	var out []Detail
	for _, r := range reasons {
		h := hintFor(r.Code)
		out = append(out, Detail{Code: r.Code, ZH: named(r), EN: r.EN, Articles: articles(r), HintZH: h.zh, HintEN: h.en})
	}
	return out
}

func reasonViews(reasons []policy.Reason) []ReasonView { return views(details(reasons)) }

func articles(r policy.Reason) []string {
	return strings.Fields(strings.ReplaceAll(r.Article, ",", " "))
}

// roleTitles are what people call the roles that reasons name.
var roleTitles = map[string]string{
	registry.RoleZoneRegulator: "专区监管部门", registry.RoleProvider: "数据提供单位", registry.RoleCityAuthority: "市数据主管部门",
	registry.RoleOperator: "运营单位", registry.RoleDataCentre: "数据中心", registry.RoleAuditor: "第三方审计", registry.RoleSecurity: "安全监管",
}

// named returns the Chinese text of a reason with roles as people call them.
func named(r policy.Reason) string {
	if title, ok := roleTitles[r.About]; ok {
		return strings.ReplaceAll(r.ZH, r.About, title)
	}
	return r.ZH
}
