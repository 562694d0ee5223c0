package registry_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/registry"
)

// clock is a clock that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// tick moves the clock on by a minute and returns the new time.
func (c *clock) tick() time.Time {
	c.t = c.t.Add(time.Minute)
	return c.t
}

// gcm is AES-256-GCM with a random nonce in front, as Tink has it.
type gcm struct{ cipher.AEAD }

func (g gcm) Encrypt(plaintext, aad []byte) ([]byte, error) {
	return g.Seal(nil, nil, plaintext, aad), nil
}

func (g gcm) Decrypt(ciphertext, aad []byte) ([]byte, error) {
	return g.Open(nil, nil, ciphertext, aad)
}

func newAEAD(t testing.TB) registry.AEAD {
	t.Helper()
	block, err := aes.NewCipher([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return gcm{a}
}

// world is a registry with a clock, on the way to a complete medical zone.
type world struct {
	*registry.Registry
	t     *testing.T
	clock *clock
	path  string

	consents *registry.ConsentReading // the last one; see valid
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}, path: filepath.Join(t.TempDir(), "registry.db")}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	r, err := registry.Open(w.t.Context(), w.path, registry.Config{AEAD: newAEAD(w.t), Now: w.clock.now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { r.Close() })
	w.Registry = r
}

func keyOf(person string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("key of " + person))
	return ed25519.NewKeyFromSeed(seed[:])
}

func publicOf(person string) string {
	return base64.StdEncoding.EncodeToString(keyOf(person).Public().(ed25519.PublicKey))
}

// edit changes a document's spec in place before it is signed.
type edit func(spec map[string]any)

// set returns an edit that sets the value at a path such as "columns.0.level";
// nil removes it.
func set(path string, value any) edit {
	return func(spec map[string]any) {
		parts := strings.Split(path, ".")
		var at any = spec
		for _, p := range parts[:len(parts)-1] {
			switch v := at.(type) {
			case map[string]any:
				at = v[p]
			case []any:
				at = v[p[0]-'0']
			}
		}
		m, last := at.(map[string]any), parts[len(parts)-1]
		if value == nil {
			delete(m, last)
		} else {
			m[last] = value
		}
	}
}

// document builds a document from its spec in JSON, with edits.
func document(kind, name, spec string, edits ...edit) registry.Document {
	var m map[string]any
	if err := json.Unmarshal([]byte(spec), &m); err != nil {
		panic(kind + " " + name + ": " + err.Error())
	}
	for _, e := range edits {
		e(m)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return registry.Document{Kind: kind, Name: name, Spec: raw}
}

// signed signs d by people, one second apart, in order.
func (w *world) signed(d registry.Document, people ...string) registry.Document {
	for i, p := range people {
		d.Sign(p, keyOf(p), w.clock.t.Add(time.Duration(i)*time.Second))
	}
	return d
}

// entered returns docs with every published catalogue entry that nobody signed
// signed by its author paul and its approver carol, and every person and zone that
// nobody signed by whoever seconds what gives them more.
func (w *world) entered(docs []registry.Document) []registry.Document {
	docs = slices.Clone(docs)
	for i, d := range docs {
		if second := w.second(d); second != "" {
			docs[i] = w.signed(d, second)
		}
		entry, err := registry.SpecOf[registry.Dataset](d)
		if d.Kind == registry.KindDataset && err == nil && entry.Status == registry.StatusPublished && len(d.Signatures) == 0 {
			docs[i] = w.signed(d, "paul", "carol")
		}
	}
	return docs
}

// second returns who signs a person or zone that nobody signed, "" if nobody has to.
func (w *world) second(d registry.Document) string {
	if d.Kind != registry.KindPerson && d.Kind != registry.KindZone || len(d.Signatures) > 0 {
		return ""
	}
	switch old, _, err := w.Get(w.t.Context(), d.Kind, d.Name); {
	case err == nil && bytes.Equal(old.Payload(), d.Payload()):
		return ""
	case err != nil && (d.Kind == registry.KindZone || !slices.ContainsFunc([]string{"permissions", "security", "zone_regulator", "city_authority"}, func(gives string) bool {
		return bytes.Contains(d.Spec, []byte(`"`+gives+`"`))
	})):
		return ""
	}
	second := "sam"
	if bytes.Contains(d.Spec, []byte(`"guard"`)) {
		second = "zoe"
	}
	if _, err := w.Person(w.t.Context(), second); err != nil {
		return ""
	}
	return second
}

// must applies docs and fails the test if they are refused.
func (w *world) must(by string, docs ...registry.Document) []registry.Applied {
	w.t.Helper()
	w.clock.tick()
	a, err := w.Apply(w.t.Context(), by, w.entered(docs))
	if err != nil {
		w.t.Fatalf("Apply by %s: %v", by, err)
	}
	return a
}

// refused applies docs and returns the fault with the code; it fails the test
// if they are accepted or refused for something else.
func (w *world) refused(code, by string, docs ...registry.Document) registry.Fault {
	w.t.Helper()
	before := w.revision()
	_, err := w.Apply(w.t.Context(), by, w.entered(docs))
	if err == nil {
		w.t.Fatalf("Apply by %s was accepted, want %s", by, code)
	}
	if after := w.revision(); after != before {
		w.t.Fatalf("a refused Apply raised the revision from %d to %d", before, after)
	}
	var r *registry.Refusal
	if !errors.As(err, &r) {
		w.t.Fatalf("Apply by %s: %v, want a refusal %s", by, err, code)
	}
	for _, f := range r.Faults {
		if strings.Contains(f.EN+f.ZH, "%!") {
			w.t.Errorf("badly formatted fault: %q %q", f.EN, f.ZH)
		}
	}
	for _, f := range r.Faults {
		if f.Code == code {
			return f
		}
	}
	w.t.Fatalf("Apply by %s: %v, want code %s", by, err, code)
	return registry.Fault{}
}

func (w *world) revision() int64 {
	w.t.Helper()
	n, err := w.Revision(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) epoch() int64 {
	w.t.Helper()
	n, err := w.Epoch(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// The documents of the medical zone, each accepted as it stands.

func organization(name, kind string, edits ...edit) registry.Document {
	return document("Organization", name, `{"title":"机构 `+name+`","kind":"`+kind+`","org_form":"legal_person",
		"credit_code":"91320100MA1XXXXX0A","security_officer":"某某","security_department":"数据安全部",
		"incident_3y":false,"dishonesty_3y":false}`, edits...)
}

// permissions are those that people of a role have in this world.
func permissions(role string) string {
	switch role {
	case "zone_regulator", "provider", "city_authority":
		return `"permissions":["recipe"],`
	}
	return ""
}

func person(name, org, role string, edits ...edit) registry.Document {
	return document("Person", name, `{"real_name":"真名-`+name+`","organization":"`+org+`","roles":["`+role+`"],`+permissions(role)+`
		"status":"active","signing_key":"`+publicOf(name)+`","recipient_key":"cmVjaXBpZW50"}`, edits...)
}

func zone(edits ...edit) registry.Document {
	return document("Zone", "medical", `{"title":"医疗专区","kind":"INDUSTRY","domain":"medical","regulator":"health",
		"status":"ACTIVE","pack":"nanjing-2024","responsible":[{"stage":"operation","person":"dave"}]}`, edits...)
}

func visits(edits ...edit) registry.Document {
	return document("Dataset", "visits", `{"title":"门诊","zone":"medical","category":{"kind":"DEPARTMENT"},"provider":"hospital","provider_type":"institution",
		"collector":"hospital","auditor":"hospital","format":"TABLE","share_type":"CONDITIONAL","share_mode":"REQUEST_RESPONSE","share_reason":"按场景申请",
		"open_type":"CONDITIONAL","open_reason":"脱敏后提供","legal_basis":["NJ24-14"],"use_requirements":"专区内使用","review_due":"2027-06-30","secret_flag":false,"personal_info":true,
		"public_safety":false,"entity":{"column":"id_number","kind":"person"},
		"source":{"acquired":"2026-02-01","update_frequency":"monthly"},"status":"PUBLISHED",
		"columns":[
		 {"name":"id_number","type":"string","level":4,"class":"personal","personal_info":true,"secret_flag":false},
		 {"name":"diagnosis","type":"string","level":3,"class":"health","personal_info":true,"secret_flag":false,"public_codes":["J06","I10"]},
		 {"name":"cost","type":"float64","level":3,"class":"health","personal_info":false,"secret_flag":false,"nullable":true}]}`, edits...)
}

func license(edits ...edit) registry.Document {
	return document("License", "medical-2026", `{"type":"OPERATION","zone":"medical","operator":"medco","start":"2026-01-01","end":"2028-12-31",
		"status":"ACTIVE","purpose_class":"public-health","sections":{"subject_and_object":"甲乙双方","content":"数据产品","procedure":"申请与审核",
		"scope":{"datasets":["visits","persons"],"purposes":["PH-01"]},"term":"三年","responsibility":"按约","supervision":"按约","termination":"按约"}}`, edits...)
}

func scenario(edits ...edit) registry.Document {
	return document("Scenario", "flu", `{"license":"medical-2026","title":"流感监测","purpose_code":"PH-01","purpose_class":"public-health",
		"output_forms":["statistics"],"recipients":["olga"],"period":{"from":"2026-01-01","until":"2026-12-31"}}`, edits...)
}

func grant(edits ...edit) registry.Document {
	return document("Grant", "flu-visits", `{"scenario":"flu","dataset":"visits","from":"2026-02-01","until":"2026-12-31",
		"columns":[{"name":"id_number","mode":"MASKED","recipe":{"kind":"token"}},
		 {"name":"diagnosis","mode":"COMPUTE_ONLY","permissions":["groupkey","cmp_lit:="]},
		 {"name":"cost","mode":"COMPUTE_ONLY","permissions":["agg:sum","agg:avg"]}],
		"zreg":{"by":"zoe","org":"health"},"prov":{"by":"paul","org":"hospital"}}`, edits...)
}

func template(edits ...edit) registry.Document {
	return document("Template", "flu-by-district", `{"scenario":"flu","title":"各区流感人次","title_en":"flu visits by district",
		"sql":"SELECT diagnosis, count(*) FROM visits WHERE diagnosis = $code GROUP BY diagnosis LIMIT $most",
		"parameters":[{"name":"code","title":"诊断编码","type":"string","domain":{"list":["J06","I10"]},"default":"J06"},
		 {"name":"most","type":"int64","domain":{"range":{"min":"1","max":"100"}}}],
		"from":"2026-02-01","until":"2026-11-30"}`, edits...)
}

// founded returns a registry with the city authority and carol, its person.
func founded(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.must("carol",
		w.signed(organization("city", "city_authority"), "carol"),
		w.signed(person("carol", "city", "city_authority"), "carol"))
	return w
}

// peopled adds the organizations and people of the medical zone, and the zone.
func peopled(t *testing.T) *world {
	t.Helper()
	w := founded(t)
	w.must("carol",
		organization("health", "industry_authority"), organization("hospital", "provider"),
		organization("medco", "operator"), organization("centre", "data_centre"), organization("assessors", "third_party"), organization("guard", "security"),
		person("zoe", "health", "zone_regulator"), person("zack", "health", "zone_regulator"),
		person("paul", "hospital", "provider"), person("olga", "medco", "operator"), person("oscar", "medco", "operator"),
		person("dave", "centre", "data_centre"), person("sam", "guard", "security"), zone())
	return w
}

// catalogued adds the dataset.
func catalogued(t *testing.T) *world {
	t.Helper()
	w := peopled(t)
	w.must("paul", visits())
	return w
}

// licensed adds the signed license and its scenario.
func licensed(t *testing.T) *world {
	t.Helper()
	w := catalogued(t)
	w.must("carol", w.signed(license(), "zoe", "carol", "olga"))
	w.must("zoe", scenario())
	return w
}

// granted adds the grant: the complete medical zone.
func granted(t *testing.T) *world {
	t.Helper()
	w := licensed(t)
	w.must("zoe", w.signed(grant(), "zoe", "paul"))
	return w
}
