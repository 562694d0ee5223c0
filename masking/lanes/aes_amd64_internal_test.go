//go:build amd64 && !purego

package lanes

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	smcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/sm4"
	"golang.org/x/sys/cpu"

	"zonebox/internal/interleave"
)

// kernels are the ways to AES that this processor has, the portable one first.
func kernels(key []byte) map[string]func(dst, src []byte) {
	all := map[string]func(dst, src []byte){"portable": portableAES(key)}
	if hasAESNI {
		k := expand(key)
		all["AES-NI"] = func(dst, src []byte) { encryptAESNI(k, &dst[0], &src[0], len(src)/BlockSize) }
		if hasVAES {
			all["VAES"] = func(dst, src []byte) { encryptVAES(k, &dst[0], &src[0], len(src)/BlockSize) }
		}
	}
	return all
}

func TestKernelsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	for _, size := range []int{16, 24, 32} {
		for n := 1; n < 100; n++ {
			key, src := bytesOf(size), bytesOf(n*BlockSize)
			want := make([]byte, len(src))
			portableAES(key)(want, src)
			for name, blocks := range kernels(key) {
				dst := bytesOf(len(src) + 64)
				around := bytes.Clone(dst[len(src):])
				blocks(dst[:len(src)], src)
				if !bytes.Equal(dst[:len(src)], want) {
					t.Fatalf("AES-%d by %s: %d blocks differ from those of crypto/aes", 8*size, name, n)
				}
				if !bytes.Equal(dst[len(src):], around) {
					t.Fatalf("AES-%d by %s: %d blocks: wrote behind them", 8*size, name, n)
				}
			}
		}
	}
}

// FIPS 197, appendix A: the last round key.
func TestKeyExpansionVectors(t *testing.T) {
	if !hasAESNI {
		t.Skip("no AES instructions")
	}
	for key, want := range map[string]string{
		"2b7e151628aed2a6abf7158809cf4f3c":                                 "d014f9a8c9ee2589e13f0cc8b6630ca6",
		"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b":                 "e98ba06f448c773c8ecc720401002202",
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": "fe4890d1e6188d0b046df344706c631e",
	} {
		b, _ := hex.DecodeString(key)
		k := expand(b)
		if got := hex.EncodeToString(k.schedule[k.rounds*BlockSize:][:BlockSize]); got != want {
			t.Errorf("last round key of %s = %s, want %s", key, got, want)
		}
	}
}

// The kernels beside each other, in calls of 64 blocks.
func BenchmarkKernels(b *testing.B) {
	const blocks = 4096
	buf := make([]byte, blocks*BlockSize)
	var rows []interleave.Row
	all := kernels(make([]byte, 16))
	for _, name := range []string{"portable", "AES-NI", "VAES"} {
		call, ok := all[name]
		if !ok {
			continue
		}
		rows = append(rows, interleave.Row{Name: name, Call: func() {
			for part := range slices.Chunk(buf, 64*BlockSize) {
				call(part, part)
			}
		}})
	}
	interleave.Bench(b, blocks, rows...)
}

// What says that its time is constant runs on instructions: AES where there are
// AES instructions, and SM4 where gmsm has a call for many blocks, which is not
// its general one, block by block from tables.
func TestConstantTimeIsSaidOfInstructions(t *testing.T) {
	a, err := NewAES(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSM4(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	if a.ConstantTime() != cpu.X86.HasAES {
		t.Errorf("AES: %v with AES instructions %v", a.ConstantTime(), cpu.X86.HasAES)
	}
	block, err := sm4.NewCipher(make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	if mode := fmt.Sprintf("%T", smcipher.NewECBEncrypter(block)); s.ConstantTime() && mode != "*sm4.ecb" {
		t.Errorf("SM4 is said to be of constant time and runs by %s", mode)
	}
	if cpu.X86.HasAES && cpu.X86.HasSSSE3 && !s.ConstantTime() {
		t.Error("SM4 with AES instructions is not said to be of constant time")
	}
}
