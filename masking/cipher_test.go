package masking_test

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/emmansun/gmsm/sm3"

	"zonebox/masking"
	"zonebox/masking/china"
	"zonebox/masking/ff1"
	"zonebox/masking/identifier"
	"zonebox/masking/lanes"
)

var cityKeys = masking.Keys{Token: zoneKeys.Token, Domain: "medical"}

// blocksOf derives the cipher of a reversible kind as its comment says.
func blocksOf(t testing.TB, cipher, use string) *lanes.Cipher {
	t.Helper()
	if cipher == "sm4" {
		key, err := hkdf.Key(sm3.New, cityKeys.Token, nil, "zonebox "+use+" sm4 v1", 16)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := lanes.NewSM4(key)
		if err != nil {
			t.Fatal(err)
		}
		return blocks
	}
	key, err := hkdf.Key(sha256.New, cityKeys.Token, nil, "zonebox "+use+" aes v1", 32)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := lanes.NewAES(key)
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

// layout is values as package ff1 takes them.
func layout(values []string) ff1.Column {
	c := ff1.Column{Offsets: []int32{0}}
	for _, v := range values {
		c.Data = append(c.Data, v...)
		c.Offsets = append(c.Offsets, int32(len(c.Data)))
	}
	return c
}

// valuesOf is the inverse of layout.
func valuesOf(c ff1.Column) (out []string) {
	for i := range c.Len() {
		out = append(out, string(c.Data[c.Offsets[i]:c.Offsets[i+1]]))
	}
	return out
}

// masked are the masks of values under the keys of the city.
func masked(t testing.TB, r masking.Recipe, values []string) []string {
	t.Helper()
	of := make([]*string, len(values))
	for i := range values {
		of[i] = &values[i]
	}
	return applyKeys(t, "string", r, cityKeys, stringArray(memory.DefaultAllocator, of))
}

// many is how many values a test of reversible kinds draws.
func many() int {
	if os.Getenv("ZONEBOX_LONG") != "" {
		return 1_000_000
	}
	return 100_000
}

func TestFF1IsUndoneByItsKeyAndDomain(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for _, c := range []struct{ alphabet, letters, cipher string }{
		{"digits", "0123456789", ""}, {"digits", "0123456789", "sm4"}, {"hex", "0123456789abcdef", "aes"},
		{"零一二三四五六七八九十aZ", "零一二三四五六七八九十aZ", ""},
	} {
		letters := []rune(c.letters)
		values := make([]string, many()/4)
		for i := range values {
			v := make([]rune, 6+rng.IntN(20))
			for j := range v {
				v[j] = letters[rng.IntN(len(letters))]
			}
			values[i] = string(v)
		}
		got := masked(t, masking.Recipe{Kind: "ff1", Alphabet: c.alphabet, Cipher: c.cipher}, values)
		alphabet, err := ff1.NewAlphabet(c.letters)
		if err != nil {
			t.Fatal(err)
		}
		tweak := []byte("medical\x00string")
		var back ff1.Column
		fits := make([]bool, len(got))
		misfits := ff1.New(blocksOf(t, c.cipher, "ff1"), alphabet).Decrypt(&back, layout(got), ff1.Tweaks{Data: tweak, Width: len(tweak)}, fits)
		if misfits != 0 || !slices.Equal(valuesOf(back), values) {
			t.Errorf("%s by %q: %d of %d masks are not of the alphabet, or do not decipher to the values", c.alphabet, c.cipher, misfits, len(values))
		}
		if slices.Equal(got, values) {
			t.Errorf("%s by %q: the masks are the values", c.alphabet, c.cipher)
		}
	}
}

// residents draws numbers of people born from 1900 to 2030, in all regions.
func residents(rng *rand.Rand) func() string {
	var regions []int
	for code := 110000; code < 660000; code++ {
		if china.KnownRegion(code) && china.LevelOf(code) == china.County {
			regions = append(regions, code)
		}
	}
	first := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() string {
		day := first.AddDate(0, 0, rng.IntN(47_846)) // to 2030-12-30
		v := fmt.Sprintf("%d%s%03d", regions[rng.IntN(len(regions))], day.Format("20060102"), rng.IntN(1000))
		return v + string(china.IdentityCheck(v))
	}
}

// Whatever comes out passes the checks of its field, which package china computes
// apart from package identifier, has what is kept, and is undone by the key.
func TestIdentifiersStayValidAndAreUndoneByTheirKey(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	number := func(head string, digits int) string {
		for range digits {
			head += string(rune('0' + rng.IntN(10)))
		}
		return head
	}
	resident := residents(rng)
	card := func() string {
		v := number(string(rune('1'+rng.IntN(9))), 11+rng.IntN(7))
		for d := range 10 {
			if full := v + string(rune('0'+d)); china.Luhn(full) {
				return full
			}
		}
		panic("no check digit")
	}
	credit := func() string {
		const letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
		v := "91" + number("32", 4)
		for range 8 {
			v += string(letters[rng.IntN(len(letters))])
		}
		v += string(china.OrganizationCheck(v[8:16]))
		return v + string(china.CreditCheck(v))
	}
	years := masking.Recipe{Kind: "identifier", Field: "resident_id", FirstYear: 1900, LastYear: 2030}
	options := identifier.ResidentOptions{FirstYear: 1900, LastYear: 2030}
	for code := 100_000; code < 1_000_000; code++ {
		if china.KnownRegion(code) && code%10_000 != 0 {
			options.Regions = append(options.Regions, fmt.Sprint(code))
		}
	}
	validResident := func(v string) bool {
		id, ok := china.ParseIdentity(v)
		return ok && !id.Legacy && v[6:10] >= "1900" && v[6:10] <= "2030"
	}
	validCredit := func(v string) bool {
		return len(v) == 18 && china.CreditCheck(v[:17]) == v[17] && china.OrganizationChecks(v[8:17])
	}
	for _, c := range []struct {
		recipe masking.Recipe
		draw   func() string
		valid  func(v string) bool
		stays  func(v string) string
		undo   func(b *lanes.Cipher) (*identifier.Identifier, error)
	}{
		{years, resident, validResident, func(string) string { return "" },
			func(b *lanes.Cipher) (*identifier.Identifier, error) { return identifier.NewResident(b, options) }},
		{with(years, "sm4", "region", "sex"), resident, validResident, func(v string) string { return v[:6] + string(v[16]%2) },
			func(b *lanes.Cipher) (*identifier.Identifier, error) {
				o := options
				o.KeepRegion, o.KeepSex = true, true
				return identifier.NewResident(b, o)
			}},
		{masking.Recipe{Kind: "identifier", Field: "mobile"}, func() string { return number("1"+string(rune('3'+rng.IntN(7))), 9) }, china.Mobile[string],
			func(string) string { return "" }, func(b *lanes.Cipher) (*identifier.Identifier, error) { return identifier.NewMobile(b, false) }},
		{masking.Recipe{Kind: "identifier", Field: "mobile", Keep: []string{"prefix"}}, func() string { return number("1"+string(rune('3'+rng.IntN(7))), 9) }, china.Mobile[string],
			func(v string) string { return v[:3] }, func(b *lanes.Cipher) (*identifier.Identifier, error) { return identifier.NewMobile(b, true) }},
		{masking.Recipe{Kind: "identifier", Field: "card", Keep: []string{"issuer"}, Cipher: "sm4"}, card, china.Luhn[string],
			func(v string) string { return v[:6] }, func(b *lanes.Cipher) (*identifier.Identifier, error) { return identifier.NewCard(b, true) }},
		{masking.Recipe{Kind: "identifier", Field: "social_credit"}, credit, validCredit, func(v string) string { return v[:8] }, identifier.NewSocialCredit},
	} {
		values := make([]string, many())
		for i := range values {
			values[i] = c.draw()
		}
		got := masked(t, c.recipe, values)
		changed := 0
		for i, v := range got {
			if !c.valid(v) || len(v) != len(values[i]) || c.stays(v) != c.stays(values[i]) {
				t.Fatalf("%s: %s became %s", c.recipe, values[i], v)
			}
			if v != values[i] {
				changed++
			}
		}
		if changed < len(values)*99/100 {
			t.Errorf("%s: %d of %d values stayed as they were", c.recipe, len(values)-changed, len(values))
		}
		f, err := c.undo(blocksOf(t, c.recipe.Cipher, `identifier of "medical"`))
		if err != nil {
			t.Fatal(err)
		}
		var back ff1.Column
		if misfits := f.Decrypt(&back, layout(got), make([]bool, len(got))); misfits != 0 || !slices.Equal(valuesOf(back), values) {
			t.Errorf("%s: %d of %d masks do not decipher to the values", c.recipe, misfits, len(values))
		}
	}
}

func with(r masking.Recipe, cipher string, keep ...string) masking.Recipe {
	r.Cipher, r.Keep = cipher, keep
	return r
}

// Equal values are alike in all columns of a zone; nothing is alike in another
// zone, under another key, by another cipher or by another kind.
func TestReversibleMasksOfAnotherZoneAreUnlinkable(t *testing.T) {
	values := make([]string, 50)
	for i := range values {
		values[i] = fmt.Sprintf("138%08d", i*7919)
	}
	alloc := memory.DefaultAllocator
	of := make([]*string, len(values))
	for i := range values {
		of[i] = &values[i]
	}
	arr := stringArray(alloc, of)
	elsewhere, rotated := cityKeys, cityKeys
	elsewhere.Domain, rotated.Token = "transport", []byte(strings.Repeat("r", 32))
	seen := map[string]string{}
	for _, r := range []masking.Recipe{{Kind: "ff1", Alphabet: "digits"}, {Kind: "ff1", Alphabet: "digits", Cipher: "sm4"},
		{Kind: "identifier", Field: "mobile"}, {Kind: "identifier", Field: "mobile", Cipher: "sm4"}} {
		for what, k := range map[string]masking.Keys{"medical": cityKeys, "transport": elsewhere, "another key": rotated} {
			all := strings.Join(applyKeys(t, "string", r, k, arr), " ")
			if other, twice := seen[all]; twice {
				t.Errorf("%s in %s gives what %s gives", r, what, other)
			}
			seen[all] = r.String() + " in " + what
			if again := strings.Join(applyKeys(t, "string", r, k, arr), " "); again != all {
				t.Errorf("%s in %s gives two masks of one value", r, what)
			}
		}
	}
}

// What has not the shape shows nothing of itself, and is counted.
func TestWhatCannotBeEncipheredIsRedacted(t *testing.T) {
	resident := masking.Recipe{Kind: "identifier", Field: "resident_id", FirstYear: 1950, LastYear: 2020}
	for _, c := range []struct {
		recipe masking.Recipe
		values string // all outside the shape
	}{
		{masking.Recipe{Kind: "ff1", Alphabet: "digits"}, "|12345|1234567a|１２３４５６７|-1234567|1234 5678|12345678\n|\xff2345678|" + strings.Repeat("1", 65)},
		{masking.Recipe{Kind: "ff1", Alphabet: "hex"}, "|1234|ABCDEF00|abcdefg0"},
		{resident, "|110105194912310021|11010519491231002X|999999199912310022|110105199902300021|11010519491231002|110105700101001|１１０１０５１９４９１２３１００２Ｘ"},
		{masking.Recipe{Kind: "identifier", Field: "mobile"}, "|12812345678|1381234567|138123456789|+8613812345678|138 1234 5678"},
		{masking.Recipe{Kind: "identifier", Field: "card"}, "|4111111111111112|411111111111|0000000000000000|4111 1111 1111 1111"},
		{masking.Recipe{Kind: "identifier", Field: "social_credit"}, "|91350100M000100Y44|91350100m000100y43|91350100I000100Y43|91350100M000100Y4"},
	} {
		values := strings.Split(c.values, "|")
		of := make([]*string, len(values))
		for i := range values {
			of[i] = &values[i]
		}
		k, err := masking.Compile("string", c.recipe, cityKeys)
		if err != nil {
			t.Fatal(err)
		}
		out, misfits, err := k.Apply(memory.DefaultAllocator, stringArray(memory.DefaultAllocator, of))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Release()
		if int(misfits) != len(values) {
			t.Errorf("%s: %d misfits counted, want %d", c.recipe, misfits, len(values))
		}
		for i, v := range texts(out) {
			if v != masking.Redacted {
				t.Errorf("%s of %q = %q, want it redacted", c.recipe, values[i], v)
			}
		}
	}
}

func TestReversibleRecipesAreComplete(t *testing.T) {
	for _, r := range []masking.Recipe{
		{Kind: "ff1"}, {Kind: "ff1", Alphabet: "0"}, {Kind: "ff1", Alphabet: "00"}, {Kind: "ff1", Alphabet: "01\xff"}, {Kind: "ff1", Alphabet: "0123456789*"},
		{Kind: "ff1", Alphabet: "digits", Cipher: "des"}, {Kind: "ff1", Alphabet: "digits", Length: 20}, {Kind: "ff1", Alphabet: "digits", Keep: []string{"sex"}},
		{Kind: "identifier"}, {Kind: "identifier", Field: "phone"}, {Kind: "identifier", Field: "mobile", Cipher: "des"},
		{Kind: "identifier", Field: "mobile", Keep: []string{"sex"}}, {Kind: "identifier", Field: "mobile", Keep: []string{"prefix", "prefix"}},
		{Kind: "identifier", Field: "social_credit", Keep: []string{"region"}}, {Kind: "identifier", Field: "card", FirstYear: 1900, LastYear: 2000},
		{Kind: "identifier", Field: "resident_id"}, {Kind: "identifier", Field: "resident_id", FirstYear: 1990, LastYear: 1998},
		{Kind: "identifier", Field: "resident_id", FirstYear: 1700, LastYear: 2000}, {Kind: "identifier", Field: "resident_id", FirstYear: 1900, LastYear: 3000},
	} {
		if err := r.Validate("string"); !errors.Is(err, masking.ErrRecipe) {
			t.Errorf("Validate(%s) = %v, want ErrRecipe", r, err)
		}
	}
	least := masking.Recipe{Kind: "identifier", Field: "resident_id", FirstYear: 1990, LastYear: 1999, Keep: []string{"region", "sex"}}
	if _, err := masking.Compile("string", least, cityKeys); err != nil {
		t.Errorf("Compile(%s) = %v: ten years are enough", least, err)
	}
	for _, r := range []masking.Recipe{least, {Kind: "ff1", Alphabet: "digits"}} {
		if err := r.Validate("int64"); !errors.Is(err, masking.ErrRecipe) {
			t.Errorf("Validate(%s) of numbers = %v, want ErrRecipe", r, err)
		}
		long := cityKeys
		long.Domain = strings.Repeat("d", ff1.MaxTweak)
		if _, err := masking.Compile("string", r, long); r.Kind == "ff1" && !errors.Is(err, masking.ErrKey) {
			t.Errorf("Compile(%s) for a domain that no tweak holds = %v, want ErrKey", r, err)
		}
	}
}

// The kinds that can be undone are told from those that cannot.
func TestReversibleKindsAreTold(t *testing.T) {
	var reversible []string
	for _, kind := range masking.Kinds() {
		if (masking.Recipe{Kind: kind}).Reversible() {
			reversible = append(reversible, kind)
		}
	}
	if want := []string{"ff1", "identifier"}; !slices.Equal(reversible, want) {
		t.Errorf("reversible kinds are %v, want %v", reversible, want)
	}
}
