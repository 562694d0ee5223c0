// Command dist makes the archive of a release: both programs, what they are made of
// (a bill of materials and the notices of everything linked), documents, samples,
// packs, the systemd unit, completions and a sum of each file. Equal input gives equal
// bytes: nothing of the archive is of the time, the user or the folder it is made in.
//
// Nothing is made up: versions are read from the programs, notices from where the
// parts were linked from, and an archive of which either is missing is not made. What
// the engine's own archives bundle is listed by name and digest; which notices those
// have their module does not say.
//
// Read make first.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// release says what goes into an archive.
type release struct {
	root    string    // of the repository
	version string    // that the programs say of themselves
	arch    string    // GOARCH
	bin     string    // folder of zonebox and zonebox-worker
	host    string    // a zonebox that runs here, which writes the completions
	cc      string    // the C compiler that linked the worker
	at      time.Time // what every file is of
}

func main() {
	var r release
	var at int64
	var out string
	flag.StringVar(&r.root, "root", ".", "root of the repository")
	flag.StringVar(&r.version, "version", "", "version of the release")
	flag.StringVar(&r.arch, "arch", "", "GOARCH of the programs")
	flag.StringVar(&r.bin, "bin", "", "folder of zonebox and zonebox-worker")
	flag.StringVar(&r.host, "host", "", "a zonebox of that version that runs here")
	flag.StringVar(&r.cc, "cc", "cc", "C compiler that linked the worker")
	flag.Int64Var(&at, "time", 0, "time of every file, in seconds of Unix")
	flag.StringVar(&out, "out", "dist", "folder of the archive")
	flag.Parse()
	r.at = time.Unix(at, 0).UTC()
	if err := r.run(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the archive into the folder out, and the sums of the release's archives there.
func (r release) run(out string) error {
	if err := r.clean(); err != nil {
		return err
	}
	all, err := r.gather()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("dist: %w", err)
	}
	if err := r.write(out, all); err != nil {
		return err
	}
	return r.sums(out)
}
