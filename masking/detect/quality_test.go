package detect_test

import (
	"fmt"
	"testing"

	"zonebox/masking/detect"
)

// Seeds of the corpus. The scanner was tuned on the first only.
const (
	tuned   = 20231122
	heldOut = 77310469
)

func TestPrecisionAndRecallOnAHeldOutCorpus(t *testing.T) {
	floors := map[detect.Class][2]float64{ // precision, recall
		detect.ResidentID: {0.98, 0.98}, detect.CreditCode: {0.98, 0.98}, detect.BankCard: {0.98, 0.98},
		detect.Mobile: {0.98, 0.98}, detect.Passport: {0.98, 0.98}, detect.Permit: {0.98, 0.98}, detect.Plate: {0.98, 0.98},
		detect.Email: {0.98, 0.98}, detect.Network: {0.98, 0.98}, detect.PostalAddress: {0.98, 0.98}, detect.Organization: {0.98, 0.98},
		// What numbers of twelve digits from 0 on are, and names in prose, no
		// dictionary settles.
		detect.Landline: {0.8, 0.98}, detect.PersonName: {0.95, 0.5},
	}
	for _, tt := range []struct {
		name   string
		seed   uint64
		list   []string
		rounds int
	}{
		{"tuned seed, known templates", tuned, templates, 200},
		{"held-out seed, known templates", heldOut, templates, 200},
		{"held-out seed, templates mended once", heldOut, strangers, 300},
		{"held-out seed, templates mended twice", heldOut, unseen, 300},
		{"held-out seed, templates written last", heldOut, fresh, 300},
	} {
		shown := map[string]int{}
		counts := measure(newCorpus(t, tt.seed), detect.New(detect.Options{}), tt.list, tt.rounds, func(d document, h *detect.Hit, l *label) {
			if !testing.Verbose() {
				return
			}
			what := ""
			if h != nil {
				what = fmt.Sprintf("wrong %s %d %q", h.Class, h.Score, d.text[h.Start:h.End])
			} else {
				what = fmt.Sprintf("missed %s %q", l.class, d.text[l.start:l.end])
			}
			if key := what[:8] + d.text[:min(20, len(d.text))]; shown[key] < 1 && len(shown) < 60 {
				shown[key]++
				t.Logf("%s in %q", what, d.text)
			}
		})
		t.Logf("%s: class precision recall (exact spans; then found at least in part) n", tt.name)
		for c := detect.ResidentID; c <= detect.PersonName; c++ {
			n := counts[c]
			if n == nil {
				continue
			}
			all := n.right + n.missed
			t.Logf("  %-18s %.4f %.4f %.4f %d", c, n.precision(), n.recall(), float64(n.right+n.touched)/max(1, float64(all)), all)
			if floor, ok := floors[c]; ok && (n.precision() < floor[0] || n.recall() < floor[1]) {
				t.Errorf("%s: %s has precision %.4f and recall %.4f, want %v", tt.name, c, n.precision(), n.recall(), floor)
			}
		}
	}
}

// TestRandomNumbersAreNotIdentifiers counts what of random digits is taken for
// something. The check character, the county and the birthday of an identity
// number leave one in two million, the province in place of a county one in
// 40,000; kind, province and the two checks of a credit code one in some 3,000.
func TestRandomNumbersAreNotIdentifiers(t *testing.T) {
	c := newCorpus(t, heldOut)
	s := detect.New(detect.Options{})
	for _, tt := range []struct {
		name string
		draw func() string
		most map[detect.Class]int
	}{
		{"18 digits", func() string { return c.digits(18) }, map[detect.Class]int{detect.ResidentID: 20, detect.CreditCode: 40}},
		{"17 digits and X", func() string { return c.digits(17) + "X" }, map[detect.Class]int{detect.ResidentID: 20, detect.CreditCode: 140}},
		{"62 and 14 digits", func() string { return "62" + c.digits(14) }, nil},
		{"62 and 17 digits", func() string { return "62" + c.digits(17) }, nil},
		{"15 digits", func() string { return c.digits(15) }, map[detect.Class]int{detect.Mobile: 10}},
		{"10 digits", func() string { return c.digits(10) }, nil},
		{"32 hexadecimal", func() string { return c.hex(32) }, nil},
	} {
		count := map[detect.Class]int{}
		for range 200_000 {
			for _, h := range s.ScanString(nil, tt.draw()) {
				count[h.Class]++
			}
		}
		t.Logf("200,000 of %s: %v", tt.name, count)
		for class, n := range count {
			if n > tt.most[class] {
				t.Errorf("200,000 of %s: %d taken for %s, want at most %d", tt.name, n, class, tt.most[class])
			}
		}
	}
}
