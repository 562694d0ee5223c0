package policy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"zonebox/policy"
)

// small is a signed bundle of one rule.
func small(t testing.TB) []byte {
	t.Helper()
	raw, err := policy.Build(fstest.MapFS{"expert/x.rego": {Data: []byte("package zonebox.expert.x\n\nlimit := {\"min_group\": 20}\n")}}, 7)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err = policy.Sign(raw, "zhao.city", cityKey); err != nil {
		t.Fatal(err)
	}
	return raw
}

func gunzip(t testing.TB, raw []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func zip(t testing.TB, plain []byte) []byte { return zipAt(t, gzip.BestCompression, plain) }

func zipAt(t testing.TB, level int, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zw.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// member is one entry of an archive that is not written as bundles are.
type member struct {
	name    string
	content []byte
	kind    byte
}

func archive(t testing.TB, members ...member) []byte {
	t.Helper()
	var plain bytes.Buffer
	tw := tar.NewWriter(&plain)
	for _, m := range members {
		h := &tar.Header{Format: tar.FormatUSTAR, Typeflag: m.kind, Name: m.name, Size: int64(len(m.content)), Mode: 0o600}
		if m.kind == tar.TypeSymlink {
			h.Linkname, h.Size = "/etc/passwd", 0
		}
		if err := tw.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := tw.Write(m.content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return zip(t, plain.Bytes())
}

func members(t testing.TB, raw []byte) (all []member) {
	t.Helper()
	tr := tar.NewReader(bytes.NewReader(gunzip(t, raw)))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, member{h.Name, content, tar.TypeReg})
	}
}

// No mutant of a bundle is read, of more than 20,000.
func TestNoMutantOfABundleIsRead(t *testing.T) {
	raw, keys := small(t), signers()
	if _, err := policy.Read(raw, keys); err != nil {
		t.Fatalf("the bundle itself: %v", err)
	}
	tried := 0
	refused := func(what string, at int, mutant []byte) {
		t.Helper()
		if bytes.Equal(mutant, raw) {
			return
		}
		tried++
		if _, err := policy.Read(mutant, keys); !errors.Is(err, policy.ErrBundle) {
			t.Fatalf("%s at %d was read: %v", what, at, err)
		}
	}
	changed := func(from []byte, at int, by byte) []byte {
		out := bytes.Clone(from)
		out[at] ^= by
		return out
	}
	for at := 0; at < len(raw); at++ {
		for bit := range 8 {
			refused("a flipped bit", at, changed(raw, at, 1<<bit))
		}
		refused("a truncation", at, raw[:at])
	}
	// The archive that a mutant of the files would be, with a checksum that fits.
	plain := gunzip(t, raw)
	for at := 0; at < len(plain); at++ {
		refused("a byte of a file", at, zip(t, changed(plain, at, 0x20)))
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for n := range 10_000 {
		out := bytes.Clone(plain)
		for range 1 + r.IntN(4) {
			at := r.IntN(len(out))
			switch r.IntN(3) {
			case 0:
				out[at] = byte(r.Uint32())
			case 1:
				out = append(out[:at], out[at+1:]...)
			case 2:
				out = append(out[:at], append([]byte{byte(r.Uint32())}, out[at:]...)...)
			}
		}
		refused("a random change", n, zip(t, out))
	}
	if tried < 20_000 {
		t.Errorf("%d mutants were tried, want 20,000", tried)
	}
}

func TestNoTrickOfAnArchiveIsRead(t *testing.T) {
	raw := small(t)
	whole := members(t, raw)
	with := func(m ...member) []byte { return archive(t, append(append([]member{}, whole...), m...)...) }
	without := func(name string) []byte {
		var kept []member
		for _, m := range whole {
			if m.name != name {
				kept = append(kept, m)
			}
		}
		return archive(t, kept...)
	}
	edited := func(name, old, new string) []byte {
		var kept []member
		for _, m := range whole {
			if m.name == name {
				if !bytes.Contains(m.content, []byte(old)) {
					t.Fatalf("%s has no %q", name, old)
				}
				m.content = bytes.ReplaceAll(m.content, []byte(old), []byte(new))
			}
			kept = append(kept, m)
		}
		return archive(t, kept...)
	}
	rule := member{"expert/y.rego", []byte("package zonebox.expert.y\n\nlimit := {}\n"), tar.TypeReg}
	elsewhere, err := policy.Sign(mustBuild(t, 8), "zhao.city", cityKey)
	if err != nil {
		t.Fatal(err)
	}
	var foreign member
	for _, m := range members(t, elsewhere) {
		if m.name == ".signatures.json" {
			foreign = m
		}
	}
	for name, mutant := range map[string][]byte{
		"no signature":             without(".signatures.json"),
		"no manifest":              without(".manifest"),
		"no rule":                  without("expert/x.rego"),
		"one rule more":            with(rule),
		"a file twice":             with(whole[len(whole)-1]),
		"another revision":         edited(".manifest", `"7"`, `"8"`),
		"wider roots":              edited(".manifest", `"zonebox/expert"`, `""`),
		"a laxer rule":             edited("expert/x.rego", "20", "2"),
		"spaces in the manifest":   edited(".manifest", `{"revision"`, `{ "revision"`),
		"a key twice":              edited(".manifest", `{"revision":"7"`, `{"revision":"9","revision":"7"`),
		"no digests":               edited(".signatures.json", `{"signatures":[`, `{"signatures":[],"x":[`),
		"two signatures":           edited(".signatures.json", `{"signatures":["`, `{"signatures":["x","`),
		"a plugin":                 edited(".signatures.json", `{"signatures"`, `{"plugin":"x","signatures"`),
		"another's signature":      archive(t, append([]member{foreign}, members(t, without(".signatures.json"))...)...),
		"a path upwards":           with(member{"../x.rego", rule.content, tar.TypeReg}),
		"a path in between":        with(member{"expert/../expert/y.rego", rule.content, tar.TypeReg}),
		"an absolute path":         with(member{"/expert/y.rego", rule.content, tar.TypeReg}),
		"a link":                   with(member{"expert/y.rego", nil, tar.TypeSymlink}),
		"a folder":                 with(member{"expert/", nil, tar.TypeDir}),
		"a device":                 with(member{"expert/y.rego", nil, tar.TypeChar}),
		"a program":                with(member{"policy.wasm", []byte{0}, tar.TypeReg}),
		"a patch":                  with(member{"patch.json", []byte("{}"), tar.TypeReg}),
		"many files":               with(many(100)...),
		"a large file":             with(member{"expert/y.rego", bytes.Repeat([]byte("# \n"), 1<<20), tar.TypeReg}),
		"a bomb":                   zip(t, make([]byte, 1<<28)),
		"a bomb in a file":         with(member{"expert/y.rego", make([]byte, 1<<27), tar.TypeReg}),
		"deep JSON":                with(member{"packs/x/data.json", []byte(deep(100000)), tar.TypeReg}),
		"trailing bytes":           append(bytes.Clone(raw), 0),
		"a second archive":         append(bytes.Clone(raw), raw...),
		"another compression":      stored(t, gunzip(t, raw)),
		"a name in the gzip head":  headed(t, gunzip(t, raw)),
		"an archive of archives":   zip(t, raw),
		"no archive":               []byte("package zonebox.expert.x"),
		"other bytes, too many":    make([]byte, policy.MaxBundle+1),
		"base64 that ends loosely": loose(t, whole),
	} {
		if _, err := policy.Read(mutant, signers()); !errors.Is(err, policy.ErrBundle) {
			t.Errorf("%s: %v, want ErrBundle", name, err)
		}
	}
}

// A signature for one domain's keys is none for those of another, and a key that
// is no key admits nothing.
func TestKeysThatAreNoneAdmitNothing(t *testing.T) {
	raw := small(t)
	for name, keys := range map[string]map[string]ed25519.PublicKey{
		"none": nil, "another's": {"zhao.city": otherKey.Public().(ed25519.PublicKey)}, "empty": {"zhao.city": {}},
		"an empty id": {"": cityKey.Public().(ed25519.PublicKey)}, "short": {"zhao.city": make([]byte, 31)},
	} {
		if _, err := policy.Read(raw, keys); !errors.Is(err, policy.ErrBundle) {
			t.Errorf("%s: %v, want ErrBundle", name, err)
		}
	}
}

func mustBuild(t testing.TB, revision int64) []byte {
	t.Helper()
	raw, err := policy.Build(os.DirFS("testdata/bundle"), revision)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func many(n int) (all []member) {
	for i := range n {
		name := "y" + strings.Repeat("y", i%38)
		all = append(all, member{"expert/" + name + string(rune('a'+i/38)) + ".rego", []byte("package zonebox.expert." + name + "\n"), tar.TypeReg})
	}
	return all
}

func stored(t testing.TB, plain []byte) []byte { return zipAt(t, gzip.NoCompression, plain) }

func headed(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	zw.Name = "x"
	if _, err := zw.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// loose is the archive whose signature ends in another character that base64 reads
// as the same bytes.
func loose(t testing.TB, whole []member) []byte {
	t.Helper()
	var out []member
	for _, m := range whole {
		if m.name == ".signatures.json" {
			at := bytes.LastIndexByte(m.content, '"') - 1
			m.content = bytes.Clone(m.content)
			m.content[at]++
		}
		out = append(out, m)
	}
	return archive(t, out...)
}
