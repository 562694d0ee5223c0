package sandbox

import (
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
