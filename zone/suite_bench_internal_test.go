package zone

import "testing"

// What a chunk costs to verify and to open, in either suite.
func BenchmarkSuites(b *testing.B) {
	for _, p := range suites {
		key, err := p.key(make([]byte, p.keySize))
		if err != nil {
			b.Fatal(err)
		}
		plain := make([]byte, 8<<20, 8<<20+16)
		sealed := key.seal(plain, key.chunkNonce(1), nil)
		scratch := make([]byte, len(sealed))
		b.Run(string(p.suite)+"/digest", func(b *testing.B) {
			b.SetBytes(int64(len(sealed)))
			for b.Loop() {
				p.sum(sealed)
			}
		})
		b.Run(string(p.suite)+"/open", func(b *testing.B) {
			b.SetBytes(int64(len(sealed)))
			for b.Loop() {
				copy(scratch, sealed)
				if _, err := key.open(scratch, key.chunkNonce(1), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
