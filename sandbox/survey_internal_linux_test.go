package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSwapIsPlainUnlessItIsMemoryOrEncrypted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "swapfile")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	zram := filepath.Join(dir, "zram-swap")
	if err := os.WriteFile(zram, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	id := filepath.Join(dir, "sys/dev/block", fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)), "dm/uuid")
	if err := os.MkdirAll(filepath.Dir(id), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule, lines, id string
		want            []string
	}{
		{"none", "", "", []string{}},
		{"memory", "/dev/zram0 partition 1 0 100\n", "", []string{}},
		{"a file on a plain disk", file + " file 1 0 -2\n", "", []string{file}},
		{"a file on an encrypted disk", file + " file 1 0 -2\n", "CRYPT-LUKS2-00-x\n", []string{}},
		{"a file on a volume that is not encrypted", file + " file 1 0 -2\n", "LVM-x\n", []string{file}},
		{"a file that is called after memory", zram + " file 1 0 -2\n", "", []string{zram}},
		{"a device that is not there", "/dev/none partition 1 0 -2\n", "", []string{"/dev/none"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			swaps := filepath.Join(dir, "swaps")
			if err := os.WriteFile(swaps, []byte("Filename Type Size Used Priority\n"+c.lines), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(id, []byte(c.id), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := plainSwap(swaps, filepath.Join(dir, "sys")); !slices.Equal(got, c.want) {
				t.Errorf("plainSwap() = %v, want %v", got, c.want)
			}
		})
	}
}

// TestMemoryThatIsWrittenToADiskIsPlain is about zram with a device behind it.
func TestMemoryThatIsWrittenToADiskIsPlain(t *testing.T) {
	dir := t.TempDir()
	swaps, backing := filepath.Join(dir, "swaps"), filepath.Join(dir, "sys/block/zram0/backing_dev")
	err := errors.Join(os.WriteFile(swaps, []byte("Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n"), 0o600), os.MkdirAll(filepath.Dir(backing), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	for device, want := range map[string][]string{"none\n": {}, "/dev/sdb1\n": {"/dev/zram0"}} {
		if err := os.WriteFile(backing, []byte(device), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := plainSwap(swaps, filepath.Join(dir, "sys")); !slices.Equal(got, want) {
			t.Errorf("plainSwap() of zram before %q = %v, want %v", device, got, want)
		}
	}
}

func TestThereIsNoOverflowWhereItCouldReachADisk(t *testing.T) {
	dir := tree(t, t.TempDir(), "memory")
	g, without := &cgroups{dir: dir, owner: "1-1"}, &cgroups{dir: dir, owner: "2-1"}
	// The kernel fills a new group; here the test does.
	tree(t, filepath.Join(dir, workerGroup+g.owner+"-0"), "", "memory.swap.max")
	plain := []string{"/dev/sda2"}
	for _, c := range []struct {
		rule  string
		group *cgroups
		swap  []string
		want  int64
	}{
		{"no swap", nil, nil, 1 << 30},
		{"swap in the clear and no group", nil, plain, 0},
		{"swap in the clear and a group that forbids it", g, plain, 1 << 30},
		{"swap in the clear and a group that cannot", without, plain, 0},
	} {
		if got := overflow(1<<30, c.group, c.swap); got != c.want {
			t.Errorf("overflow() with %s = %d, want %d", c.rule, got, c.want)
		}
	}
}
