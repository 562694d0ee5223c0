package policy_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"errors"
	"os"
	"testing"
	"testing/fstest"

	"zonebox/policy"
)

var (
	cityKey  = ed25519.NewKeyFromSeed([]byte("a seed of a city authority, 32 b"))
	otherKey = ed25519.NewKeyFromSeed([]byte("a seed of nobody at all, 32 byte"))
)

// signers are who may sign in these tests.
func signers() map[string]ed25519.PublicKey {
	return map[string]ed25519.PublicKey{"zhao.city": cityKey.Public().(ed25519.PublicKey)}
}

// example returns testdata/bundle, signed, as revision.
func example(t testing.TB, revision int64) []byte {
	t.Helper()
	raw, err := policy.Build(os.DirFS("testdata/bundle"), revision)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = policy.Sign(raw, "zhao.city", cityKey); err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestASignedBundleIsReadAsItWasBuilt(t *testing.T) {
	raw := example(t, 7)
	b, err := policy.Read(raw, signers())
	if err != nil {
		t.Fatal(err)
	}
	if b.Revision != 7 || b.Signer != "zhao.city" || len(b.Modules) != 1 || b.Modules[0] != "night" {
		t.Errorf("bundle = %+v", b)
	}
	if again := example(t, 7); string(again) != string(raw) {
		t.Error("the same files and key made another archive")
	}
	if _, err := policy.Restore(raw, signers()); err != nil {
		t.Error(err)
	}
}

// Another release of the compressor packs the same files into other bytes. What comes
// from outside is of this one; what was kept may be of any, under the same signature.
func TestAKeptArchiveMayBeOfAnotherCompressor(t *testing.T) {
	raw := example(t, 7)
	other := zipAt(t, gzip.NoCompression, gunzip(t, raw))
	if _, err := policy.Read(other, signers()); !errors.Is(err, policy.ErrBundle) {
		t.Errorf("from outside: %v, want ErrBundle", err)
	}
	if b, err := policy.Restore(other, signers()); err != nil || b.Revision != 7 || b.Signer != "zhao.city" {
		t.Errorf("as it was kept: %+v, %v", b, err)
	}
	nobody := map[string]ed25519.PublicKey{"zhao.city": otherKey.Public().(ed25519.PublicKey)}
	damaged := bytes.Clone(other)
	damaged[len(damaged)/2] ^= 1
	if _, err := policy.Restore(other, nobody); !errors.Is(err, policy.ErrBundle) {
		t.Errorf("kept and signed by somebody else: %v, want ErrBundle", err)
	}
	if _, err := policy.Restore(damaged, signers()); !errors.Is(err, policy.ErrBundle) {
		t.Errorf("kept and damaged: %v, want ErrBundle", err)
	}
}

func TestABundleOfNobodyWhoMaySignIsRefused(t *testing.T) {
	unsigned, err := policy.Build(os.DirFS("testdata/bundle"), 7)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(who string, key ed25519.PrivateKey) []byte {
		raw, err := policy.Sign(unsigned, who, key)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for name, raw := range map[string][]byte{
		"unsigned": unsigned, "another key": sign("zhao.city", otherKey), "another name": sign("li.op", cityKey), "empty": {},
	} {
		if _, err := policy.Read(raw, signers()); !errors.Is(err, policy.ErrBundle) {
			t.Errorf("%s: %v, want ErrBundle", name, err)
		}
	}
	if _, err := policy.Sign(unsigned, "", cityKey); !errors.Is(err, policy.ErrBundle) {
		t.Errorf("without a key id: %v, want ErrBundle", err)
	}
}

// An expert rule reads its input and calls functions of values. Each row stands
// beside the twin that differs only in what the row is about.
func TestWhatAnExpertRuleMayNotDo(t *testing.T) {
	rule := func(body string) string {
		return "package zonebox.expert.x\n\ndeny contains {\"code\": \"EXPERT_AB\", \"article\": \"YC22-38\", \"zh\": \"否\", \"en\": \"no\", \"about\": \"\"} if {\n\t" + body + "\n}\n"
	}
	for name, tt := range map[string]struct{ text, twin string }{
		"network":          {rule(`http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200`), rule(`count("x") == 1`)},
		"lookup":           {rule(`count(net.lookup_ip_addr("localhost")) > 0`), rule(`count("x") == 1`)},
		"host":             {rule(`opa.runtime().env.HOME != ""`), rule(`input.zone.id != ""`)},
		"clock":            {rule(`time.now_ns() > 0`), rule(`input.now != ""`)},
		"chance":           {rule(`rand.intn("x", 2) == 1`), rule(`1 == 1`)},
		"uuid":             {rule(`uuid.rfc4122("x") != ""`), rule(`"x" != ""`)},
		"text as code":     {rule(`rego.parse_module("x", "package y")`), rule(`upper("x") == "X"`)},
		"range":            {rule(`count(numbers.range(1, 100000000)) > 0`), rule(`count([1]) > 0`)},
		"data":             {rule(`data.packs["nanjing-2024"].min_group == 1`), rule(`input.zone.pack == "nanjing-2024"`)},
		"the library":      {rule(`data.zonebox.verdict == "ALLOW"`), rule(`input.action == "query"`)},
		"all data":         {rule(`some x in data`), rule(`some x in input.grants`)},
		"import":           {"package zonebox.expert.x\n\nimport data.zonebox\n\ndeny := zonebox.deny\n", "package zonebox.expert.x\n\nimport input.query\n\nhelp := query.kind\n"},
		"the package":      {"package zonebox\n\ndeny contains [\"A_B\", \"\"]\n", "package zonebox.expert.x\n\nhelp := 1\n"},
		"another's":        {"package zonebox.expert.y\n\nhelp := 1\n", "package zonebox.expert.x\n\nhelp := 1\n"},
		"a neighbor":       {"package zonebox.expert\n\nx := 1\n", "package zonebox.expert.x\n\nx := 1\n"},
		"with":             {rule(`input.query.kind == "x" with input as {"query": {"kind": "x"}}`), rule(`input.query.kind == "x"`)},
		"an unknown call":  {rule(`nothing("x")`), rule(`lower("x")`)},
		"an unused import": {"package zonebox.expert.x\n\nimport input.query\n\nhelp := 1\n", "package zonebox.expert.x\n\nhelp := 1\n"},
	} {
		if _, err := policy.Build(fstest.MapFS{"expert/x.rego": {Data: []byte(tt.text)}}, 1); !errors.Is(err, policy.ErrBundle) {
			t.Errorf("%s: %v, want ErrBundle", name, err)
		}
		if _, err := policy.Build(fstest.MapFS{"expert/x.rego": {Data: []byte(tt.twin)}}, 1); err != nil {
			t.Errorf("twin of %s: %v", name, err)
		}
	}
}

func TestABundleHoldsRulesAndPacksAlone(t *testing.T) {
	rules := &fstest.MapFile{Data: []byte("package zonebox.expert.x\n\nhelp := 1\n")}
	pack := &fstest.MapFile{Data: readFile(t, "pack/nanjing-2024.json")}
	for name, tt := range map[string]struct {
		files fstest.MapFS
		ok    bool
	}{
		"rules":                  {fstest.MapFS{"expert/x.rego": rules}, true},
		"a pack":                 {fstest.MapFS{"packs/nanjing-2024/data.json": pack}, true},
		"a pack by another name": {fstest.MapFS{"packs/nanjing-2025/data.json": pack}, false},
		"a pack without figures": {fstest.MapFS{"packs/nanjing-2024/data.json": {Data: []byte(`{"id":"nanjing-2024"}`)}}, false},
		"nothing":                {fstest.MapFS{}, false},
		"data of OPA's":          {fstest.MapFS{"expert/x.rego": rules, "data.json": {Data: []byte(`{}`)}}, false},
		"a program":              {fstest.MapFS{"expert/x.rego": rules, "policy.wasm": {Data: []byte{0}}}, false},
		"a patch":                {fstest.MapFS{"expert/x.rego": rules, "patch.json": {Data: []byte(`{}`)}}, false},
		"deep data":              {fstest.MapFS{"packs/nanjing-2024/data.json": {Data: []byte(deep(1000))}}, false},
	} {
		if _, err := policy.Build(tt.files, 1); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want taken: %v", name, err, tt.ok)
		}
	}
	for _, revision := range []int64{0, -1} {
		if _, err := policy.Build(fstest.MapFS{"expert/x.rego": rules}, revision); err == nil {
			t.Errorf("revision %d was taken", revision)
		}
	}
}

func deep(n int) string {
	text := ""
	for range n {
		text += "["
	}
	for range n {
		text += "]"
	}
	return text
}
