package sandbox_test

import (
	"syscall"
	"testing"

	"zonebox/sandbox"
)

// TestThereIsNoOverflowInTheHostsRoot starts workers whose host lets them mount
// and not change their root. The calls of an overflow directory would reach the
// host's files by any name, and Landlock does not hide that a file is there.
func TestThereIsNoOverflowInTheHostsRoot(t *testing.T) {
	if !sandbox.Probe().Mounts {
		t.Skip("this host grants workers no mounts")
	}
	env := environment(t)
	for name, cfg := range map[string]sandbox.Config{"landlock": without("root"), "no landlock": without("root", "landlock")} {
		s := start(t, cfg)
		if a := s.Attestation(); a.Root || a.Spill != 0 || a.Limits["Max file size"] != "0" {
			t.Errorf("with %s: own root %v, overflow of %d bytes, files of %s; want none", name, a.Root, a.Spill, a.Limits["Max file size"])
		}
		for _, escape := range []string{"open", "open_create", "open_write", "stat", "access", "unlink", "read_file_on_every_thread"} {
			if errno, err := s.Probe(escape + " " + env[escape]); err != nil || errno != syscall.EPERM {
				t.Errorf("%s with %s = %v, %v, want EPERM", escape, name, errno, err)
			}
		}
	}
	// Such a worker answers as any other.
	p := pool(t, without("root"))
	if got, err := query(t, p, `SELECT count(*) FROM people`, seal(t, peopleBatch(0, 10))...); err != nil || got[0][0] != "10" {
		t.Errorf("Execute() = %v, %v, want 10", got, err)
	}
}
