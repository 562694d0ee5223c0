package masking

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"zonebox/masking/china"
	"zonebox/masking/identifier"
	"zonebox/masking/lanes"
)

// identifierKeeps are the fields that the kind identifier knows, and what of each
// may stay.
var identifierKeeps = map[string][]string{
	"resident_id":   {"region", "sex"},
	"social_credit": {},
	"mobile":        {"prefix"},
	"card":          {"issuer"},
}

// newIdentifier enciphers the identifiers of China into valid ones of the same kind
// (masking/identifier):
//
//	resident_id    GB 11643, 18 characters, born in the years from FirstYear to LastYear
//	social_credit  GB 32100; the first eight characters stay
//	mobile         eleven digits
//	card           ISO/IEC 7812, 13 to 19 digits
//
// Keep names parts that stay: region and sex of a resident_id, the prefix of a
// mobile, the issuer of a card. A value that is not a valid one of its field is
// redacted as a whole. Equal values come out equal in all columns of one zone under
// one recipe. What comes out may be somebody's number: it is valid.
//
// The key is derived for the domain of the keys, since the tweak is taken.
func newIdentifier(r Recipe, k Keys) (encipherer, error) {
	blocks, err := r.blocks(k, fmt.Sprintf("identifier of %q", k.Domain))
	if err != nil {
		return nil, err
	}
	f, err := r.identifier(blocks)
	if err != nil {
		return nil, err
	}
	return f.Encrypt, nil
}

func (r Recipe) identifier(blocks *lanes.Cipher) (*identifier.Identifier, error) {
	keep := func(part string) bool { return slices.Contains(r.Keep, part) }
	switch r.Field {
	case "resident_id":
		return identifier.NewResident(blocks, identifier.ResidentOptions{Regions: residentRegions(), KeepRegion: keep("region"),
			KeepSex: keep("sex"), FirstYear: r.FirstYear, LastYear: r.LastYear})
	case "social_credit":
		return identifier.NewSocialCredit(blocks)
	case "mobile":
		return identifier.NewMobile(blocks, keep("prefix"))
	case "card":
		return identifier.NewCard(blocks, keep("issuer"))
	}
	panic("masking: no identifier " + r.Field)
}

// residentRegions are the codes of all counties and prefectures that ever were: some
// prefectures have no counties, and people keep the number they were given. A code
// that is added to them changes every mask, and so the version of the kind.
var residentRegions = sync.OnceValue(func() []string {
	var codes []string
	for code := 100_000; code <= 999_999; code++ {
		if china.LevelOf(code) != china.Province && china.KnownRegion(code) {
			codes = append(codes, strconv.Itoa(code))
		}
	}
	return codes
})

func identifierProblem(r Recipe, t arrow.DataType) string {
	keeps, known := identifierKeeps[r.Field]
	switch {
	case t.ID() != arrow.STRING:
		return needsString
	case !known:
		return "field must be one of resident_id social_credit mobile card"
	case r.Cipher != "" && !slices.Contains(cipherNames, r.Cipher):
		return cipherProblem
	}
	for i, part := range r.Keep {
		if !slices.Contains(keeps, part) || slices.Contains(r.Keep[:i], part) {
			return strings.TrimSpace("keep must be among " + strings.Join(keeps, " "))
		}
	}
	if r.Field == "resident_id" {
		// In ten years ff1.MinDomain is there, whatever is kept.
		if r.FirstYear < 1800 || r.LastYear > 2999 || r.LastYear-r.FirstYear < 9 {
			return "first_year and last_year must be at least nine apart, from 1800 to 2999"
		}
	} else if r.FirstYear != 0 || r.LastYear != 0 {
		return "years are of a resident_id"
	}
	return ""
}
