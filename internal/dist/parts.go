package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// programs are the two of a release; the second has C and C++ linked in.
var programs = []string{"zonebox", "zonebox-worker"}

// part is something that is linked into a program.
type part struct {
	ref      string   // purl
	name     string   // as it is called where it is from
	version  string   // as the program, or the system that it was linked on, says
	sum      string   // of go.sum; empty for what is no Go module
	programs []string // that have it
	bundled  []piece  // what it comes with
	notices  []file
}

// piece is an archive of object files.
type piece struct{ name, sum string }

// bindings is the module whose version says which engine it binds.
const bindings = "github.com/duckdb/duckdb-go-bindings"

// notice is what files are called that say under which terms a part may be used.
var notice = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|unlicense)([._-].*)?$`)

// parts returns everything that is linked into the programs, by reference: Go, its
// modules, the engine, and what of C and C++ the worker has.
func (r release) parts() ([]part, error) {
	dirs, err := r.modules()
	if err != nil {
		return nil, err
	}
	found := map[string]*part{}
	add := func(p part, program string) *part {
		have, ok := found[p.ref]
		if !ok {
			have = &p
			found[p.ref] = have
		}
		have.programs = append(have.programs, program)
		return have
	}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(r.bin, program))
		if err != nil {
			return nil, fmt.Errorf("dist: %s: %w", program, err)
		}
		if err := r.built(program, info); err != nil {
			return nil, err
		}
		version := strings.TrimPrefix(info.GoVersion, "go")
		add(part{ref: "pkg:golang/std@" + version, name: "std", version: version}, program)
		for _, m := range info.Deps {
			if m.Replace != nil {
				return nil, fmt.Errorf("dist: %s has %s replaced", program, m.Path)
			}
			add(part{ref: "pkg:golang/" + m.Path + "@" + m.Version, name: m.Path, version: m.Version, sum: m.Sum}, program)
		}
	}
	var engine part
	for _, p := range found {
		dir := dirs[p.name]
		if p.name == "std" {
			if dir, err = r.goes("env", "GOROOT"); err != nil {
				return nil, err
			}
		}
		if p.notices, err = noticesIn(dir, path.Join("notices", p.name)); err != nil {
			return nil, err
		}
		if p.name == bindings+"/lib/linux-"+r.arch {
			if engine, err = r.engine(*p, dir); err != nil {
				return nil, err
			}
		}
	}
	if engine.ref == "" {
		return nil, fmt.Errorf("dist: %s has no engine", programs[1])
	}
	add(engine, programs[1])
	for _, library := range []string{"libc.a", "libstdc++.a", "libgcc.a"} {
		p, err := r.linked(library)
		if err != nil {
			return nil, err
		}
		if _, ok := found[p.ref]; !ok { // libstdc++ and libgcc may be one package's
			add(p, programs[1])
		}
	}
	all := make([]part, 0, len(found))
	for _, p := range found {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b part) int { return strings.Compare(a.ref, b.ref) })
	return all, nil
}

// built refuses a program that is not of the architecture, or was not built so that
// building it again gives the same.
func (r release) built(program string, info *debug.BuildInfo) error {
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if set["GOOS"] != "linux" || set["GOARCH"] != r.arch || set["-trimpath"] != "true" {
		return fmt.Errorf("dist: %s is of %s/%s, trimpath %q", program, set["GOOS"], set["GOARCH"], set["-trimpath"])
	}
	return nil
}

// modules returns the folder of each module that the repository requires.
func (r release) modules() (map[string]string, error) {
	out, err := r.goes("list", "-m", "-json", "all")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		var m struct{ Path, Dir string }
		if err := d.Decode(&m); err != nil {
			return nil, fmt.Errorf("dist: modules: %w", err)
		}
		dirs[m.Path] = m.Dir
	}
	return dirs, nil
}

func (r release) goes(args ...string) (string, error) {
	c := exec.Command("go", args...)
	c.Dir = r.root
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("dist: go %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// noticesIn returns the notices at the top of a folder, to lie below to.
func noticesIn(dir, to string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("dist: %s: %w", to, err)
	}
	var all []file
	for _, e := range entries {
		if !e.Type().IsRegular() || !notice.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("dist: %w", err)
		}
		all = append(all, file{path.Join(to, e.Name()), 0o644, text})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("dist: %s has no notice", to)
	}
	return all, nil
}

// bound is how versions of the bindings hold the engine's: v0.10505.0 is of 1.5.5.
var bound = regexp.MustCompile(`^v0\.(\d+)(\d\d)(\d\d)\.\d+$`)

// engine returns DuckDB, whose archives are those of module p, in dir. The worker must
// say itself that it has that version.
func (r release) engine(p part, dir string) (part, error) {
	m := bound.FindStringSubmatch(p.version)
	if m == nil {
		return part{}, fmt.Errorf("dist: %s: version %s tells no engine", p.name, p.version)
	}
	digits := func(s string) string { return strings.TrimPrefix(s, "0") }
	version := m[1] + "." + digits(m[2]) + "." + digits(m[3])
	worker, err := os.ReadFile(filepath.Join(r.bin, programs[1]))
	if err != nil {
		return part{}, fmt.Errorf("dist: %w", err)
	}
	if !bytes.Contains(worker, []byte("v"+version+"\x00")) {
		return part{}, fmt.Errorf("dist: the worker does not say that its engine is v%s", version)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "lib*.a"))
	if err != nil || len(archives) == 0 {
		return part{}, errors.Join(err, fmt.Errorf("dist: %s has no archives", p.name))
	}
	out := part{ref: "pkg:github/duckdb/duckdb@v" + version, name: "duckdb", version: version, notices: p.notices}
	for _, a := range archives {
		text, err := os.ReadFile(a)
		if err != nil {
			return part{}, fmt.Errorf("dist: %w", err)
		}
		out.bundled = append(out.bundled, piece{strings.TrimSuffix(filepath.Base(a), ".a"), digest(text)})
	}
	return out, nil
}

// linked returns the package of this system that a library of C or C++ is from, with
// the notices that it installed.
func (r release) linked(library string) (part, error) {
	ask := func(name string, args ...string) (string, error) {
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			return "", fmt.Errorf("dist: whose %s is linked: %s: %w", library, name, err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	where, err := ask(r.cc, "-print-file-name="+library)
	if err != nil {
		return part{}, err
	}
	if where, err = filepath.EvalSymlinks(where); err != nil {
		return part{}, fmt.Errorf("dist: %s: %w", library, err)
	}
	owner, err := ask("dpkg", "-S", where)
	if err != nil {
		return part{}, err
	}
	name, _, ok := strings.Cut(owner, ": ")
	if !ok {
		return part{}, fmt.Errorf("dist: nobody owns %s", where)
	}
	version, err := ask("dpkg-query", "-W", "-f", "${Version}", name)
	if err != nil {
		return part{}, err
	}
	name, _, _ = strings.Cut(name, ":")
	doc, err := filepath.EvalSymlinks(filepath.Join("/usr/share/doc", name))
	if err != nil {
		return part{}, fmt.Errorf("dist: notices of %s: %w", name, err)
	}
	system, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return part{}, fmt.Errorf("dist: which system %s is of: %w", name, err)
	}
	p := part{name: name, version: version}
	if p.ref, err = packageOf(string(system), name, version); err != nil {
		return part{}, err
	}
	if p.notices, err = noticesIn(doc, path.Join("notices", name)); err != nil {
		return part{}, err
	}
	for _, n := range slices.Clone(p.notices) {
		for _, m := range common.FindAllSubmatch(n.text, -1) {
			text, err := os.ReadFile(string(m[0]))
			if err != nil {
				return part{}, fmt.Errorf("dist: terms of %s: %w", name, err)
			}
			p.notices = append(p.notices, file{path.Join("notices", name, string(m[1])), 0o644, text})
		}
	}
	slices.SortFunc(p.notices, func(a, b file) int { return strings.Compare(a.name, b.name) })
	p.notices = slices.CompactFunc(p.notices, func(a, b file) bool { return a.name == b.name })
	return p, nil
}

// common is how a notice of Debian names terms that it does not hold itself.
var common = regexp.MustCompile(`/usr/share/common-licenses/([A-Za-z]+(?:-[0-9]+(?:\.[0-9]+)*)?)`)

// field is a line of os-release(5).
var field = regexp.MustCompile(`(?m)^(ID|VERSION_ID)="?([a-z0-9._-]+)"?$`)

// packageOf returns the reference of a package of the system that such a file describes.
func packageOf(system, name, version string) (string, error) {
	is := map[string]string{}
	for _, m := range field.FindAllStringSubmatch(system, -1) {
		is[m[1]] = m[2]
	}
	if is["ID"] == "" || is["VERSION_ID"] == "" {
		return "", errors.New("dist: the system does not say which it is")
	}
	return "pkg:deb/" + is["ID"] + "/" + name + "@" + strings.ReplaceAll(version, "+", "%2B") + "?distro=" + is["ID"] + "-" + is["VERSION_ID"], nil
}
