package identifier_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"zonebox/masking/ff1"
	"zonebox/masking/identifier"
	"zonebox/masking/lanes"
)

func blocks(t testing.TB, sm bool) *lanes.Cipher {
	t.Helper()
	make := lanes.NewAES
	if sm {
		make = lanes.NewSM4
	}
	c, err := make([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var regions = []string{"110105", "110101", "440524", "513624", "320819", "330106", "330102"}

// kinds are all kinds under all their options, with another hand's validity and
// what has to stay.
func kinds(t testing.TB) map[string]kind {
	must := func(f *identifier.Identifier, err error) *identifier.Identifier {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	resident := func(o identifier.ResidentOptions) *identifier.Identifier {
		o.FirstYear, o.LastYear = 1900, 2030
		return must(identifier.NewResident(blocks(t, true), o))
	}
	listed := func(v string) bool { return validResident(v) && slices.Contains(regions, v[:6]) }
	nothing := func(string) string { return "" }
	first := func(n int) func(string) string { return func(v string) string { return v[:n] } }
	sex := func(v string) string { return fmt.Sprint((v[16] - '0') & 1) }
	return map[string]kind{
		"resident":      {resident(identifier.ResidentOptions{Regions: regions}), listed, nothing, randomResident},
		"resident, sex": {resident(identifier.ResidentOptions{Regions: regions, KeepSex: true}), listed, sex, randomResident},
		"resident, region": {resident(identifier.ResidentOptions{KeepRegion: true}), func(v string) bool { return validResident(v) && v[0] != '0' },
			first(6), randomResident},
		"resident, listed region and sex": {resident(identifier.ResidentOptions{Regions: regions, KeepRegion: true, KeepSex: true}), listed,
			func(v string) string { return v[:6] + sex(v) }, randomResident},
		"mobile":         {must(identifier.NewMobile(blocks(t, false), false)), validMobile, nothing, randomMobile},
		"mobile, prefix": {must(identifier.NewMobile(blocks(t, false), true)), validMobile, first(3), randomMobile},
		"card":           {must(identifier.NewCard(blocks(t, false), false)), validCard, nothing, randomCard},
		"card, issuer":   {must(identifier.NewCard(blocks(t, false), true)), validCard, first(6), randomCard},
		"social credit":  {must(identifier.NewSocialCredit(blocks(t, true))), validCredit, first(8), randomCredit},
	}
}

type kind struct {
	*identifier.Identifier
	valid  func(string) bool
	kept   func(string) string
	random func(*rand.Rand) string
}

func column(values ...string) ff1.Column {
	c := ff1.Column{Data: []byte("xyz"), Offsets: []int32{3}}
	for _, v := range values {
		c.Data = append(c.Data, v...)
		c.Offsets = append(c.Offsets, int32(len(c.Data)))
	}
	return c
}

func strs(c ff1.Column) []string {
	var s []string
	for i := range c.Len() {
		s = append(s, string(c.Data[c.Offsets[i]:c.Offsets[i+1]]))
	}
	return s
}

// check enciphers values and holds the results to all that is promised: what is
// valid, and only that, comes out valid, keeps its length and what is to stay,
// and comes back.
func check(t testing.TB, name string, k kind, values []string) (changed int) {
	t.Helper()
	var dst, back ff1.Column
	fits := make([]bool, len(values))
	misfits := k.Encrypt(&dst, column(values...), fits)
	masked := strs(dst)
	again := make([]bool, len(values))
	k.Decrypt(&back, dst, again)
	returned := strs(back)
	for i, v := range values {
		if want := k.valid(v); fits[i] != want {
			t.Fatalf("%s: %q fits: %v, want %v", name, v, fits[i], want)
		}
		if !fits[i] {
			misfits--
			if masked[i] != "" || again[i] {
				t.Fatalf("%s: %q does not fit and comes out as %q", name, v, masked[i])
			}
			continue
		}
		if len(masked[i]) != len(v) || !k.valid(masked[i]) {
			t.Fatalf("%s: %q → %q, which is not valid", name, v, masked[i])
		}
		if k.kept(masked[i]) != k.kept(v) {
			t.Fatalf("%s: %q → %q does not keep %q", name, v, masked[i], k.kept(v))
		}
		if want := strings.ToUpper(v); !again[i] || returned[i] != want {
			t.Fatalf("%s: %q → %q → %q", name, v, masked[i], returned[i])
		}
		if masked[i] != v {
			changed++
		}
	}
	if misfits != 0 {
		t.Fatalf("%s: counted %d misfits too many", name, misfits)
	}
	return changed
}

func TestValidStaysValidAndComesBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, k := range kinds(t) {
		values := make([]string, 3000)
		for i := range values {
			values[i] = k.random(rng)
		}
		values[1] = "nothing of the kind"
		if changed := check(t, name, k, values); changed < 2990 {
			t.Errorf("%s: only %d of %d values changed", name, changed, len(values))
		}
	}
}

// Every value is one enciphered alone: nothing of its neighbors is in it.
func TestNeighborsDoNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, k := range kinds(t) {
		values := make([]string, 600)
		for i := range values {
			values[i] = k.random(rng)
		}
		var all ff1.Column
		k.Encrypt(&all, column(values...), make([]bool, len(values)))
		for i, want := range strs(all)[500:] {
			var one ff1.Column
			k.Encrypt(&one, column(values[500+i]), make([]bool, 1))
			if got := strs(one)[0]; got != want {
				t.Fatalf("%s: %s alone → %s, among others → %s", name, values[500+i], got, want)
			}
		}
	}
}

// Ranks at both ends: the first and the last value of each kind.
func TestEndsOfTheDomain(t *testing.T) {
	for name, values := range map[string][]string{
		"resident":         {withResidentCheck("11010119000101000"), withResidentCheck("51362420301231999")},
		"resident, sex":    {withResidentCheck("11010119000101000"), withResidentCheck("11010119000101001"), withResidentCheck("51362420301231999")},
		"resident, region": {withResidentCheck("10000019000101000"), withResidentCheck("99999920301231999"), withResidentCheck("44052420000229000")},
		"mobile":           {"13000000000", "19999999999"},
		"mobile, prefix":   {"13000000000", "13099999999", "19900000000", "19999999999"},
		"card":             {withLuhn("100000000000"), withLuhn("999999999999"), withLuhn("100000000000000000"), withLuhn("999999999999999999")},
		"card, issuer":     {withLuhn("100000000000"), withLuhn("622202999999"), withLuhn("622202000000000000"), withLuhn("999999999999999999")},
		"social credit":    {withCreditChecks("0000000000000000"), withCreditChecks("YY999999YYYYYYYY")},
	} {
		check(t, name, kinds(t)[name], values)
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	for name, values := range map[string][]string{
		"resident": {"11010519491231002X", "11010519491231002x", "110105194912310021", "130503670401001", "440524188001010014", withResidentCheck("11010519490229001"),
			withResidentCheck("11010519491331001"), withResidentCheck("11010518991231001"), withResidentCheck("11010520310101001"), withResidentCheck("11010619491231001"),
			"１１０１０５１９４９１２３１００２Ｘ", " 11010519491231002X", "11010519491231002X ", "11010519491231002", "", "X1010519491231002X"},
		"resident, region": {withResidentCheck("01010519491231001"), withResidentCheck("99999919491231001"), withResidentCheck("9999a919491231001")},
		"mobile":           {"12000000000", "20000000000", "1380013800", "138001380000", "+8613800138000", "138 0013 8000", "1380013800x", "１３８００１３８０００", "03800138000"},
		"mobile, prefix":   {"12000000000", "20000000000", "1380013800", "1380013800\x00"},
		"card":             {"6222021234567890123", withLuhn("62220212345678901") + "0", luhnOf("0222021234567890"), luhnOf("62220212345"), luhnOf("6222021234567890123"), "62220212345678a0"},
		"card, issuer":     {luhnOf("0222021234567890"), luhnOf("62220212345"), luhnOf("6222021234567890123")},
		"social credit": {"91350100M000100Y43", "91350100M000100Y42", "91350100M000100Y4", "91350100m000100y43", "91350100M000100Y53", "9135A100M000100Y43",
			withCreditChecks("91350100I000100Y"), withCreditChecks("9A350100M000100Y"), withCreditChecks("9135010BM000100Y"), "91350100M000100X43"},
	} {
		check(t, name, kinds(t)[name], values)
	}
}

// The check of the whole is right, but the organization code's is not; and a
// letter that the alphabet does not have, with whatever check.
func TestCreditCodesOfWhichOnlyOneCheckIsRight(t *testing.T) {
	const letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	var values []string
	for _, first := range []string{"91350100M000100Y", "91350100I000100Y", "91350100M0001OOY", "9S350100M000100Y", "91350100V00Z100Y"} {
		for i := range letters {
			for j := range letters {
				values = append(values, first+letters[i:i+1]+letters[j:j+1])
			}
		}
	}
	check(t, "social credit", kinds(t)["social credit"], values)
}

func TestOptionsThatAreRefused(t *testing.T) {
	years := func(o identifier.ResidentOptions, first, last int) identifier.ResidentOptions {
		o.FirstYear, o.LastYear = first, last
		return o
	}
	listed := identifier.ResidentOptions{Regions: regions}
	for name, o := range map[string]struct {
		options identifier.ResidentOptions
		want    error
	}{
		"no regions":                {years(identifier.ResidentOptions{}, 1900, 2030), identifier.ErrOptions},
		"a region of five":          {years(identifier.ResidentOptions{Regions: []string{"11010"}}, 1900, 2030), identifier.ErrOptions},
		"a region of letters":       {years(identifier.ResidentOptions{Regions: []string{"11010a"}}, 1900, 2030), identifier.ErrOptions},
		"a region from 0":           {years(identifier.ResidentOptions{Regions: []string{"010101"}}, 1900, 2030), identifier.ErrOptions},
		"no years":                  {listed, identifier.ErrOptions},
		"years backwards":           {years(listed, 2000, 1999), identifier.ErrOptions},
		"years too early":           {years(listed, 1700, 1999), identifier.ErrOptions},
		"years too late":            {years(listed, 1900, 3000), identifier.ErrOptions},
		"one year, region kept":     {years(identifier.ResidentOptions{KeepRegion: true}, 2000, 2000), ff1.ErrDomain},
		"five years, all that kept": {years(identifier.ResidentOptions{KeepRegion: true, KeepSex: true}, 2000, 2004), ff1.ErrDomain},
	} {
		if _, err := identifier.NewResident(blocks(t, false), o.options); !errors.Is(err, o.want) {
			t.Errorf("%s: %v, want %v", name, err, o.want)
		}
	}
}

// The order in which regions are given, and giving one twice, changes nothing.
func TestRegionsAreASet(t *testing.T) {
	results := map[string]bool{}
	for _, list := range [][]string{regions, slices.Sorted(slices.Values(regions)), append(slices.Clone(regions), regions...)} {
		f, err := identifier.NewResident(blocks(t, false), identifier.ResidentOptions{Regions: list, FirstYear: 1900, LastYear: 2030})
		if err != nil {
			t.Fatal(err)
		}
		var dst ff1.Column
		f.Encrypt(&dst, column("11010519491231002X"), make([]bool, 1))
		results[strs(dst)[0]] = true
	}
	if len(results) != 1 {
		t.Errorf("results %v, want one", results)
	}
}

// A prefix that is kept is a tweak: what follows it comes out otherwise behind
// another.
func TestKeptPartsTweak(t *testing.T) {
	for name, v := range map[string]struct {
		values []string
		rest   func(string) string
	}{
		"mobile, prefix":   {[]string{"13812345678", "13912345678", "18812345678"}, func(v string) string { return v[3:] }},
		"resident, region": {[]string{withResidentCheck("11010519491231001"), withResidentCheck("44052419491231001")}, func(v string) string { return v[6:17] }},
		"social credit":    {[]string{withCreditChecks("91350100M000100Y"), withCreditChecks("91350101M000100Y"), withCreditChecks("92350100M000100Y")}, func(v string) string { return v[8:17] }},
		"resident, sex":    {[]string{withResidentCheck("11010519491231000"), withResidentCheck("11010519491231001")}, func(v string) string { return v[:16] + fmt.Sprint((v[16]-'0')/2) }},
		"card, issuer":     {[]string{withLuhn("622202123456789"), withLuhn("622203123456789")}, func(v string) string { return v[6 : len(v)-1] }},
	} {
		var dst ff1.Column
		kinds(t)[name].Encrypt(&dst, column(v.values...), make([]bool, len(v.values)))
		seen := map[string]bool{}
		for _, m := range strs(dst) {
			seen[v.rest(m)] = true
		}
		if len(seen) != len(v.values) {
			t.Errorf("%s: %v comes out with equal parts: %v", name, v.values, strs(dst))
		}
	}
}

func TestOneIdentifierServesManyGoroutines(t *testing.T) {
	for name, k := range kinds(t) {
		var wg sync.WaitGroup
		for seed := range uint64(4) {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, 1))
				for range 20 {
					check(t, name, k, []string{k.random(rng), k.random(rng), k.random(rng)})
				}
			})
		}
		wg.Wait()
	}
}

// Any bytes, and any bytes with checks that are right.
func FuzzIdentifiers(f *testing.F) {
	for _, v := range []string{"11010519491231002X", "13800138000", "6222021234567890128", "91350100M000100Y43", "130503670401001", "欧阳娜娜", "\xff\xfe"} {
		f.Add(v)
	}
	all := kinds(f)
	f.Fuzz(func(t *testing.T, v string) {
		values := []string{v}
		if len(v) > 17 {
			values = append(values, withResidentCheck(v[:17]), withCreditChecks(v[:16]), v[:11])
		}
		for n := 12; n < 19 && n < len(v); n++ {
			values = append(values, withLuhn(v[:n]))
		}
		for name, k := range all {
			check(t, name, k, values)
		}
	})
}
