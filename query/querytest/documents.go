package querytest

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"zonebox/query"
	"zonebox/registry"
)

// Person is somebody to be registered.
type Person struct{ User, RealName, Organization, Role string }

// Cast are the people of the test city beside the founder. Each is the only one
// in their role but for the two providers.
var Cast = []Person{
	{"sun.health", "孙卫健", "health-commission", registry.RoleZoneRegulator},
	{"zheng.police", "郑户政", "public-security", registry.RoleProvider},
	{"qian.hospital", "钱医管", "hospital-group", registry.RoleProvider},
	{"wu.dc", "吴数据", "data-centre", registry.RoleDataCentre},
	{"li.op", "李运营", "huiyi", registry.RoleOperator},
	{"feng.audit", "冯审计", "third-party", registry.RoleAuditor},
}

// Permissions returns what people of a role are permitted in the test city.
func Permissions(role string) []string {
	switch role {
	case registry.RoleZoneRegulator:
		return []string{registry.PermissionRecipe, registry.PermissionDestroy}
	case registry.RoleProvider:
		return []string{registry.PermissionRecipe}
	case registry.RoleDataCentre, registry.RoleSecurity:
		return []string{registry.PermissionExport, registry.PermissionDestroy}
	}
	return nil
}

// Register registers people under the keys the domain holds for them.
func (d *Domain) Register(people ...Person) {
	d.t.Helper()
	var docs []registry.Document
	for _, p := range people {
		spec, err := json.Marshal(registry.Person{RealName: p.RealName, Organization: p.Organization, Roles: []string{p.Role},
			Permissions: Permissions(p.Role), Status: "active", SigningKey: d.Key(p.User).SigningKey(), RecipientKey: d.Key(p.User).RecipientKey()})
		if err != nil {
			d.t.Fatalf("register %s: %v", p.User, err)
		}
		docs = append(docs, d.seconded(Founder, registry.Document{Kind: registry.KindPerson, Name: p.User, Spec: spec}))
	}
	d.apply(Founder, docs)
}

// Apply applies documents in the name of by and fails the test if they are
// refused. Everything is signed by the signers, every grant by the two it names,
// every published catalogue entry by the one who hands it in and the founder, every
// person and zone by a second person.
func (d *Domain) Apply(by, documents string, signers ...string) {
	d.t.Helper()
	d.apply(by, d.signed(by, documents, signers))
}

// ApplyFile applies the documents of a file.
func (d *Domain) ApplyFile(by, path string, signers ...string) {
	d.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatalf("read documents: %v", err)
	}
	d.Apply(by, string(text), signers...)
}

// TryApply applies documents as Apply does and returns the engine's error.
func (d *Domain) TryApply(by, documents string, signers ...string) error {
	d.t.Helper()
	_, err := d.Engine.Apply(d.t.Context(), d.Subject(by), d.encoded(d.signed(by, documents, signers)))
	return err
}

func (d *Domain) apply(by string, docs []registry.Document) {
	d.t.Helper()
	if _, err := d.Engine.Apply(d.t.Context(), d.Subject(by), d.encoded(docs)); err != nil {
		d.t.Fatalf("apply as %s: %s", by, Text(err))
	}
}

func (d *Domain) signed(applier, documents string, signers []string) []registry.Document {
	d.t.Helper()
	docs, err := registry.Decode(bytes.NewReader([]byte(documents)))
	if err != nil {
		d.t.Fatalf("read documents: %v", err)
	}
	for i := range docs {
		by := signers
		if docs[i].Kind == registry.KindGrant {
			g, err := registry.SpecOf[registry.Grant](docs[i])
			if err != nil {
				d.t.Fatalf("read grant: %v", err)
			}
			by = append([]string{g.ZReg.By, g.Prov.By}, signers...)
		}
		if docs[i].Kind == registry.KindDataset {
			entry, err := registry.SpecOf[registry.Dataset](docs[i])
			if err != nil {
				d.t.Fatalf("read catalogue entry: %v", err)
			}
			if entry.Status == registry.StatusPublished {
				by = append([]string{applier, Founder}, signers...)
			}
		}
		for _, name := range by {
			docs[i].Sign(name, d.Key(name).Private(), d.Now())
		}
		docs[i] = d.seconded(applier, docs[i])
	}
	return docs
}

// officer seconds what gives more to the zone regulator's own people. An organization
// and person of that name are made when they are needed first.
var officer = Person{"tang.secret", "唐保密", "secrecy-bureau", registry.RoleSecurity}

// seconded returns a person or zone signed by somebody of a third organization, where
// one is known: the zone regulator, the founder, else the security officer.
func (d *Domain) seconded(applier string, doc registry.Document) registry.Document {
	d.t.Helper()
	if doc.Kind != registry.KindPerson && doc.Kind != registry.KindZone || len(doc.Signatures) > 0 {
		return doc
	}
	if _, err := d.TrySubject(Cast[0].User); err != nil {
		return doc
	}
	second := Cast[0].User
	switch {
	case applier == second:
		second = Founder
	case bytes.Contains(doc.Spec, []byte(`"`+Cast[0].Organization+`"`)) && doc.Kind == registry.KindPerson:
		second = officer.User
		if _, err := d.TrySubject(second); err != nil {
			d.Apply(Founder, "kind: Organization\nname: "+officer.Organization+"\nspec: {title: 保密局, kind: security, org_form: legal_person, credit_code: 11320100MB1234567X}\n")
			d.Register(officer)
		}
	}
	doc.Sign(second, d.Key(second).Private(), d.Now())
	return doc
}

func (d *Domain) encoded(docs []registry.Document) io.Reader {
	d.t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, doc := range docs {
		if err := enc.Encode(doc); err != nil {
			d.t.Fatalf("encode document: %v", err)
		}
	}
	return &b
}

// Load loads a delivery in the name of by and fails the test if it is refused.
func (d *Domain) Load(by string, m query.Manifest, data []byte) *query.LoadReport {
	d.t.Helper()
	report, err := d.TryLoad(by, m, data)
	if err != nil {
		d.t.Fatalf("load %s: %s (cause %v)", m.Dataset, Text(err), err)
	}
	return report
}

// TryLoad loads a delivery and returns the engine's error. A manifest without
// the digest of the entry's columns is given the true one.
func (d *Domain) TryLoad(by string, m query.Manifest, data []byte) (*query.LoadReport, error) {
	d.t.Helper()
	if m.SchemaSHA256 == "" {
		m.SchemaSHA256 = d.Schema(m.Dataset)
	}
	return d.Engine.Load(d.t.Context(), d.Subject(by), m, bytes.NewReader(data))
}

// Trial tries a delivery and fails the test if the engine did not answer.
func (d *Domain) Trial(by string, m query.Manifest, data []byte) *query.LoadTrial {
	d.t.Helper()
	out, err := d.Engine.TryLoad(d.t.Context(), d.Subject(by), m, bytes.NewReader(data))
	if err != nil {
		d.t.Fatalf("try to load %s: %s (cause %v)", m.Dataset, Text(err), err)
	}
	return out
}

// Schema returns the digest of the columns of a dataset's entry, or of an entry
// without columns if there is no such dataset.
func (d *Domain) Schema(dataset string) string {
	d.t.Helper()
	views, err := d.Engine.Documents(d.t.Context(), d.Subject(Founder), registry.KindDataset, dataset)
	if err != nil || len(views) != 1 {
		return registry.Dataset{}.SchemaSHA256()
	}
	return views[0].SchemaSHA256
}

// Root returns the folder of the module, above the folder a test runs in.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	t.Fatalf("find the module's folder from the working directory: %v", err)
	return ""
}
