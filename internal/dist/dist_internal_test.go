package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// built is a release of the programs that make build left, which are of no version.
func built(t *testing.T) release {
	t.Helper()
	worker := os.Getenv("ZONEBOX_WORKER")
	if worker == "" || runtime.GOOS != "linux" {
		t.Skip("ZONEBOX_WORKER is not set")
	}
	bin := filepath.Dir(worker)
	return release{root: "../..", version: "devel", arch: runtime.GOARCH, bin: bin, host: filepath.Join(bin, "zonebox"), cc: "gcc", at: time.Unix(1_800_000_000, 0).UTC()}
}

// light is every file but the programs, which take seconds to pack.
func light(all []file) []file {
	return slices.DeleteFunc(slices.Clone(all), func(f file) bool { return strings.HasPrefix(f.name, "bin/") })
}

func TestAnArchiveIsTheSameWheneverItIsMade(t *testing.T) {
	r := built(t)
	var made [2]bytes.Buffer
	for i := range made {
		all, err := r.gather()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.pack(&made[i], light(all)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(made[0].Bytes(), made[1].Bytes()) {
		t.Error("two archives of equal input differ")
	}
	later := r
	later.at = r.at.Add(time.Second)
	all, err := r.gather()
	if err != nil {
		t.Fatal(err)
	}
	var other bytes.Buffer
	if err := later.pack(&other, light(all)); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(other.Bytes(), made[0].Bytes()) {
		t.Error("an archive does not tell its time")
	}
}

func TestAnArchiveHoldsWhatItIsMadeOf(t *testing.T) {
	r := built(t)
	all, err := r.gather()
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, f := range all {
		text[f.name] = string(f.text)
	}
	for _, name := range []string{
		"bin/zonebox", "bin/zonebox-worker", "docs/guides/install.md", "docs/openapi.json", "cmd/zonebox/demo/zone.yaml", "packs/nanjing-2024.json",
		"packaging/zonebox.service", "packaging/zonebox.yaml", "packaging/Dockerfile", "completions/_zonebox", "completions/zonebox.bash", "completions/zonebox.fish",
		"notices/std/LICENSE", "NOTICE", "notices/libc6-dev/LGPL-2.1", "notices/github.com/gin-gonic/gin/LICENSE", "sbom.cdx.json", "SHA256SUMS",
	} {
		if text[name] == "" {
			t.Errorf("the archive has no %s", name)
		}
	}
	sums := strings.Split(strings.TrimSuffix(text["SHA256SUMS"], "\n"), "\n")
	if len(sums) != len(all)-1 {
		t.Errorf("%d sums of %d files", len(sums), len(all))
	}
	said, err := r.say("version", "-o", "json") // by which the guide compares
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		if sum := digest([]byte(text["bin/"+program])); !bytes.Contains(said, []byte(sum)) || !slices.Contains(sums, sum+"  bin/"+program) {
			t.Errorf("%s is not told by its sum:\n%s", program, said)
		}
	}

	var b struct {
		Components []struct {
			Name, Version, PURL string
			Hashes              []struct{ Content string }
			ExternalReferences  []struct{ URL string }
			Components          []struct{ Name string }
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal([]byte(text["sbom.cdx.json"]), &b); err != nil {
		t.Fatal(err)
	}
	version := map[string]string{}
	for _, c := range b.Components {
		version[c.Name] = c.Version
		if c.PURL == "" { // a program
			if c.Hashes[0].Content != digest([]byte(text["bin/"+c.Name])) {
				t.Errorf("%s is not the one of the bill", c.Name)
			}
			continue
		}
		if len(c.ExternalReferences) == 0 {
			t.Errorf("%s has no notice", c.Name)
		}
		for _, at := range c.ExternalReferences {
			if text[at.URL] == "" {
				t.Errorf("the notice of %s is not at %s", c.Name, at.URL)
			}
		}
		if c.Name == "duckdb" && len(c.Components) < 15 {
			t.Errorf("the engine bundles %d archives, want 15 or more", len(c.Components))
		}
	}
	for name, want := range map[string]string{"duckdb": "1.5.5", "github.com/spf13/cobra": "v1.10.2", "std": strings.TrimPrefix(runtime.Version(), "go")} {
		if version[name] != want {
			t.Errorf("%s is of %q, want %q", name, version[name], want)
		}
	}
	libc := regexp.MustCompile(`^pkg:deb/[a-z]+/libc6-dev@[^+?]+\?distro=[a-z]+-[0-9.]+$`)
	for _, d := range b.Dependencies {
		engine := slices.ContainsFunc(d.DependsOn, func(ref string) bool { return strings.Contains(ref, "duckdb/duckdb@") })
		linked := slices.ContainsFunc(d.DependsOn, func(ref string) bool { return libc.MatchString(ref) })
		if worker := d.Ref == "bin/zonebox-worker"; engine != worker || linked != worker {
			t.Errorf("%s: engine %t, C library %t", d.Ref, engine, linked)
		}
	}
}

// TestNoProgramNeedsALibrary holds for the worker too, which has C++ in it.
func TestNoProgramNeedsALibrary(t *testing.T) {
	r := built(t)
	for _, name := range programs {
		if why := dynamic(t, filepath.Join(r.bin, name)); why != "" {
			t.Errorf("%s: %s", name, why)
		}
	}
	if dynamic(t, "/bin/ls") == "" {
		t.Error("/bin/ls passes for a static program")
	}
}

// dynamic says what of a program has to be found when it starts, or "".
func dynamic(t *testing.T, path string) string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "has an interpreter"
		}
	}
	if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
		return "needs " + strings.Join(libraries, " ")
	}
	return ""
}

// What is not known is not made up: no archive is made.
func TestNothingOfAnArchiveIsMadeUp(t *testing.T) {
	r := built(t)
	for name, change := range map[string]func(*release){
		"another version": func(r *release) { r.version = "1.0.0" },
		"another machine": func(r *release) { r.arch = "riscv64" },
		"no compiler":     func(r *release) { r.cc = "/nonexistent/cc" },
	} {
		changed := r
		change(&changed)
		if _, err := changed.gather(); err == nil {
			t.Errorf("%s: an archive is made", name)
		}
	}
	if _, err := noticesIn(t.TempDir(), "notices/x"); err == nil {
		t.Error("a part without a notice goes into an archive")
	}
}

// What lies in the repository's folders and is of no commit goes into no archive, and
// none is made while it does. Sums are of one release.
func TestAnArchiveIsOfACommit(t *testing.T) {
	r := release{root: t.TempDir(), version: "1.2.0"}
	git := func(args ...string) {
		t.Helper()
		c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example", "-c", "commit.gpgsign=false"}, args...)...)
		c.Dir = r.root
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	put := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(r.root, name)), 0o755), os.WriteFile(filepath.Join(r.root, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	put("docs/guides/a.md", "a")
	git("add", "docs")
	git("commit", "-q", "-m", "a")
	if err := r.clean(); err != nil {
		t.Errorf("a commit as it is: %v", err)
	}
	put("docs/key.pem", "secret")
	all, err := r.copied("docs", "papers")
	if err != nil || len(all) != 1 || all[0].name != "papers/guides/a.md" || string(all[0].text) != "a" {
		t.Errorf("copied %v, %v; want the committed file alone", all, err)
	}
	if err := r.clean(); err == nil || !strings.Contains(err.Error(), "docs/key.pem") {
		t.Errorf("with a file of no commit: %v", err)
	}
	if err := os.Remove(filepath.Join(r.root, "docs/key.pem")); err != nil {
		t.Fatal(err)
	}
	put("docs/guides/a.md", "b")
	if err := r.run(t.TempDir()); err == nil || !strings.Contains(err.Error(), "docs/guides/a.md") {
		t.Errorf("with a file that was changed: %v", err)
	}
	if _, err := r.copied("packs", "packs"); err == nil {
		t.Error("a folder that the repository does not have is copied")
	}

	for _, name := range []string{"zonebox-1.2.0-linux-amd64.tar.gz", "zonebox-1.1.0-linux-amd64.tar.gz", "other.tar.gz"} {
		put(name, "")
	}
	if err := r.sums(r.root); err != nil {
		t.Fatal(err)
	}
	const want = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  zonebox-1.2.0-linux-amd64.tar.gz\n"
	if got, err := os.ReadFile(filepath.Join(r.root, "SHA256SUMS")); err != nil || string(got) != want {
		t.Errorf("the sums are %q, %v", got, err)
	}
}

func TestAPackageIsOfTheSystemThatLinks(t *testing.T) {
	for system, want := range map[string]string{
		"PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_ID=\"12\"\nID=debian\n": "pkg:deb/debian/libc6-dev@2.36-9%2Bdeb12u9?distro=debian-12",
		"ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n":                   "pkg:deb/ubuntu/libc6-dev@2.36-9%2Bdeb12u9?distro=ubuntu-24.04",
		"ID=debian\n": "",
	} {
		got, err := packageOf(system, "libc6-dev", "2.36-9+deb12u9")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("of %q: %q, %v", system, got, err)
		}
	}
}

// The commands of the guide, in a root of their own, with no network and empty folders.
func TestInstallGuideRunsAsPrinted(t *testing.T) {
	r := built(t)
	if os.Getuid() != 0 {
		t.Skip("takes root: it makes a root of its own, and a user there")
	}
	all, err := r.gather()
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if err := r.write(out, all); err != nil {
		t.Fatal(err)
	}
	if err := r.sums(out); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "../../packaging/try", out)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=" + t.TempDir()}
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"zonebox-devel-linux-" + r.arch + ".tar.gz: OK\n", "avg_income", "完好", "审计日志完好", "calls to any address: 0\n"} {
		if !bytes.Contains(said, []byte(want)) {
			t.Errorf("the guide's commands did not print %q\n%s", want, said)
		}
	}
	// A gate that is an ordinary user's gives its workers a root of their own too.
	if n := bytes.Count(said, []byte(`"own_root": true`)); n != 2 {
		t.Errorf("%d workers of two have a root of their own\n%s", n, said)
	}
}
