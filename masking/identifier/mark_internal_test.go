package identifier

import "testing"

// Under one key each kind enciphers apart under each of its options: the first
// byte of the tweak tells them all apart.
func TestEveryKindHasItsMark(t *testing.T) {
	seen := map[byte]kind{}
	resident := func(region, sex bool) kind {
		return &resident{options: ResidentOptions{KeepRegion: region, KeepSex: sex}}
	}
	for _, k := range []kind{resident(false, false), resident(true, false), resident(false, true), resident(true, true),
		mobile{false}, mobile{true}, card{false}, card{true}, &credit{}} {
		if other, ok := seen[k.mark()]; ok || k.mark() == 0 {
			t.Errorf("%T and %T both have the mark %#x", k, other, k.mark())
		}
		seen[k.mark()] = k
	}
}
