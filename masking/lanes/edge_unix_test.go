//go:build unix

package lanes_test

import (
	"bytes"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// atTheEdge returns n bytes behind which no memory can be read or written, and n
// before which there is none.
func atTheEdge(t *testing.T, n int) (last, first []byte) {
	t.Helper()
	page := unix.Getpagesize()
	all, err := unix.Mmap(-1, 0, 3*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(all) })
	if err := unix.Mprotect(all[page:2*page], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	return all[2*page-n : 2*page : 2*page], all[page : page+n]
}

// Nothing beside the blocks is read or written, whatever their number: a column
// may end where mapped memory does.
func TestBlocksTouchNothingBesideThem(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, k := range ciphers {
		c := newCipher(t, k.name, make([]byte, k.key))
		for n := 1; n <= 40; n++ {
			want := make([]byte, 16*n)
			c.Blocks(want, want)
			srcEnd, srcBegin := atTheEdge(t, 16*n)
			dstEnd, dstBegin := atTheEdge(t, 16*n)
			for _, at := range [][2][]byte{{dstEnd, srcEnd}, {dstBegin, srcBegin}, {srcEnd, srcEnd}, {srcBegin, srcBegin}} {
				clear(at[1])
				if panics(func() { c.Blocks(at[0], at[1]) }) {
					t.Fatalf("%s, %d blocks: touched memory beside them", k.name, n)
				}
				if !bytes.Equal(at[0], want) {
					t.Fatalf("%s, %d blocks at the edge: other results", k.name, n)
				}
			}
		}
	}
}
