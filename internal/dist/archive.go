package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// file is a file of the archive.
type file struct {
	name string // below the archive's folder
	mode int64
	text []byte
}

// trees are copied as they lie in the repository, so that what the README says runs
// in the unpacked folder too. The city packs lie where people look for them.
var trees = []struct{ from, to string }{
	{"README.md", "README.md"},
	{"docs", "docs"},
	{"cmd/zonebox/demo", "cmd/zonebox/demo"},
	{"testdata/queries/README.md", "testdata/queries/README.md"},
	{"policy/pack", "packs"},
	{"packaging", "packaging"},
	{"NOTICE", "NOTICE"},
}

// completions are the shells, and where each looks for a completion of that name.
var completions = []struct{ shell, file string }{
	{"bash", "completions/zonebox.bash"},
	{"zsh", "completions/_zonebox"},
	{"fish", "completions/zonebox.fish"},
}

func (r release) name() string { return "zonebox-" + r.version + "-linux-" + r.arch }

// gather returns every file of the archive, by name, the sums of all others last.
func (r release) gather() ([]file, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	all := []file{{"VERSION", 0o644, []byte(r.version + "\n")}}
	for _, name := range programs {
		text, err := os.ReadFile(filepath.Join(r.bin, name))
		if err != nil {
			return nil, fmt.Errorf("dist: %w", err)
		}
		all = append(all, file{"bin/" + name, 0o755, text})
	}
	for _, t := range trees {
		files, err := r.copied(t.from, t.to)
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	for _, c := range completions {
		text, err := r.say("completion", c.shell)
		if err != nil {
			return nil, err
		}
		all = append(all, file{c.file, 0o644, text})
	}
	parts, err := r.parts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		all = append(all, p.notices...)
	}
	bill, err := r.bill(parts, all)
	if err != nil {
		return nil, err
	}
	all = append(all, file{"sbom.cdx.json", 0o644, bill})
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.name, b.name) })
	all = slices.CompactFunc(all, func(a, b file) bool { return a.name == b.name && bytes.Equal(a.text, b.text) })
	for i := range all[1:] {
		if all[i].name == all[i+1].name {
			return nil, fmt.Errorf("dist: two files are called %s", all[i].name)
		}
	}
	var sums strings.Builder
	for _, f := range all {
		fmt.Fprintf(&sums, "%s  %s\n", digest(f.text), f.name)
	}
	return append(all, file{"SHA256SUMS", 0o644, []byte(sums.String())}), nil
}

// copied returns the files that the repository has at from and below, as they lie there.
// What lies there beside them is of no release.
func (r release) copied(from, to string) ([]file, error) {
	names, err := r.git("ls-files", "-z", "--", from)
	if err != nil {
		return nil, err
	}
	if names == "" {
		return nil, fmt.Errorf("dist: the repository has no %s", from)
	}
	var all []file
	for name := range strings.SplitSeq(strings.TrimSuffix(names, "\x00"), "\x00") {
		at := filepath.Join(r.root, name)
		info, err := os.Lstat(at)
		if err != nil {
			return nil, fmt.Errorf("dist: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("dist: %s is no regular file", name)
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return nil, fmt.Errorf("dist: %w", err)
		}
		mode := int64(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		all = append(all, file{path.Join(to, strings.TrimPrefix(name, from)), mode, text})
	}
	return all, nil
}

// clean refuses a repository with anything in it that is of no commit.
func (r release) clean() error {
	changed, err := r.git("status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("dist: not of the commit:\n%s", changed)
	}
	return nil
}

func (r release) git(args ...string) (string, error) {
	c := exec.Command("git", args...)
	c.Dir = r.root
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("dist: git %s: %w", args[0], err)
	}
	return string(out), nil
}

// check refuses a program that is of another version than the archive.
func (r release) check() error {
	text, err := r.say("version", "-o", "json")
	if err != nil {
		return err
	}
	var said struct{ Version string }
	if err := json.Unmarshal(text, &said); err != nil {
		return fmt.Errorf("dist: version of %s: %w", r.host, err)
	}
	if said.Version != r.version {
		return fmt.Errorf("dist: %s is of version %s, not %s", r.host, said.Version, r.version)
	}
	return nil
}

// say returns what the gate of this machine prints, whatever its environment.
func (r release) say(args ...string) ([]byte, error) {
	c := exec.Command(r.host, args...)
	c.Env = []string{"ZONEBOX_LANG=zh", "HOME=/nonexistent"}
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("dist: %s %s: %w", r.host, strings.Join(args, " "), err)
	}
	return out, nil
}

// write writes the archive of files into the folder out.
func (r release) write(out string, files []file) (err error) {
	f, err := os.Create(filepath.Join(out, r.name()+".tar.gz"))
	if err != nil {
		return fmt.Errorf("dist: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return r.pack(f, files)
}

// pack writes files to w as a compressed archive: all of root and of one time, by the
// order they have.
func (r release) pack(w io.Writer, files []file) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	folders := map[string]bool{}
	entry := func(h tar.Header, text []byte) error {
		h.Name, h.ModTime, h.Format = path.Join(r.name(), h.Name), r.at, tar.FormatPAX
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if err := t.WriteHeader(&h); err != nil {
			return err
		}
		_, err := t.Write(text)
		return err
	}
	for _, f := range files {
		var above []string
		for dir := path.Dir(f.name); !folders[dir]; dir = path.Dir(dir) {
			folders[dir] = true
			above = append(above, dir)
			if dir == "." {
				break
			}
		}
		for _, dir := range slices.Backward(above) {
			if err := entry(tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}, nil); err != nil {
				return fmt.Errorf("dist: %w", err)
			}
		}
		if err := entry(tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.text))}, f.text); err != nil {
			return fmt.Errorf("dist: %w", err)
		}
	}
	if err := errors.Join(t.Close(), z.Close()); err != nil {
		return fmt.Errorf("dist: %w", err)
	}
	return nil
}

// sums writes SHA256SUMS of the release's archives in the folder out, whose others are
// of other releases.
func (r release) sums(out string) error {
	archives, err := filepath.Glob(filepath.Join(out, "zonebox-"+r.version+"-linux-*.tar.gz"))
	if err != nil {
		return fmt.Errorf("dist: %w", err)
	}
	var text strings.Builder
	for _, name := range archives {
		content, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("dist: %w", err)
		}
		fmt.Fprintf(&text, "%s  %s\n", digest(content), filepath.Base(name))
	}
	if err := os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("dist: %w", err)
	}
	return nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
