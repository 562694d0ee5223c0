package maskingtest

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"zonebox/masking"
	"zonebox/masking/china"
	"zonebox/masking/detect"
)

// A Sample is a recipe and what the suite has to know of it.
type Sample struct {
	Recipe masking.Recipe
	// Algorithm is what tokens are made with.
	Algorithm masking.Algorithm
	// Keyed masks differ under other keys.
	Keyed bool
	// Whole kernels mask a column and not its values one by one.
	Whole bool
	// Total recipes have no values outside their shape.
	Total bool
	// Misfit tells the texts outside the shape, where a mask may be Redacted for
	// another reason. Nil for all others.
	Misfit func(v string) bool
	// Shows reports whether mask, which is not Redacted, is a form that the text
	// v may be shown in. It is written apart from the kernels. Nil for recipes
	// that no text column takes.
	Shows func(v, mask string) bool
}

func edge(v float64) *float64 { return &v }

// Samples are recipes of every kind. On every type that takes one it is a
// subject of the suite.
var Samples = []Sample{
	{Recipe: masking.Recipe{Kind: "redact"}, Total: true, Shows: exactly("****")},
	{Recipe: masking.Recipe{Kind: "fixed", Text: "保密"}, Total: true, Shows: exactly("保密")},
	{Recipe: masking.Recipe{Kind: "nullify"}, Total: true},
	{Recipe: masking.Recipe{Kind: "token"}, Keyed: true, Total: true, Shows: token},
	{Recipe: masking.Recipe{Kind: "token"}, Algorithm: masking.SM4CMAC, Keyed: true, Total: true, Shows: token},
	{Recipe: masking.Recipe{Kind: "token"}, Algorithm: masking.HMACSHA256, Keyed: true, Total: true, Shows: token},
	{Recipe: masking.Recipe{Kind: "token"}, Algorithm: masking.HMACSM3, Keyed: true, Total: true, Shows: token},
	{Recipe: masking.Recipe{Kind: "token", Alphabet: "digits", Length: 20}, Keyed: true, Total: true, Shows: token},

	ff1("digits", "", "0123456789"), ff1("digits", "sm4", "0123456789"), ff1("0123456789张王李欧阳省市区aZ@.·-:,#", "", "0123456789张王李欧阳省市区aZ@.·-:,#"),
	identifier("resident_id", "", resident, "sex"), identifier("resident_id", "sm4", resident, "region"),
	identifier("social_credit", "", credit), identifier("mobile", "", china.Mobile[string]), identifier("mobile", "sm4", china.Mobile[string], "prefix"),
	identifier("card", "", china.Luhn[string], "issuer"),

	freeText(), freeText("mobile", "email"), freeText("person_name"),

	partial(1, 0), partial(0, 1), partial(3, 4), partial(6, 4), partial(8, 8), partial(9, 0), partial(16, 16),
	pattern(`###****####`), pattern(`+86 ###0000####`), pattern(`###0000####`), pattern(`@*`), pattern(`?**`), pattern(`AA#0-0`), pattern(`\#0##`),

	display("name", func(v, mask string) bool {
		for surname := 1; surname <= 4; surname++ {
			if window(surname, 0)(v, mask) {
				return true
			}
		}
		return false
	}),
	display("id", window(6, 0)), display("phone", window(3, 4)), display("card", window(0, 4)), display("address", address),
	display("plate", window(2, 1)), display("email", email), display("passport", window(1, 2)), display("uscc", window(2, 4)),
	display("ip", ip),

	{Recipe: masking.Recipe{Kind: "map", Values: map[string]string{"320106": "江苏", "张三": "一人", "": "空"}}, Shows: func(v, mask string) bool {
		return v == "320106" && mask == "江苏" || v == "张三" && mask == "一人" || v == "" && mask == "空"
	}},
	region(2), region(4), region(6), region(9),
	geohash(1), geohash(5), geohash(6),

	date("decade"), date("year"), date("quarter"), date("month"), date("week"), date("day"),
	{Recipe: masking.Recipe{Kind: "number", Width: 10}}, {Recipe: masking.Recipe{Kind: "number", Width: 0.125}},
	{Recipe: masking.Recipe{Kind: "top_bottom", Low: edge(0), High: edge(100)}},
	{Recipe: masking.Recipe{Kind: "top_bottom", High: edge(9)}},

	{Recipe: masking.Recipe{Kind: "shift", Days: 30}, Keyed: true},
	{Recipe: masking.Recipe{Kind: "noise", Spread: 5}, Keyed: true},
	{Recipe: masking.Recipe{Kind: "noise", Spread: 0.5}, Keyed: true},
	{Recipe: masking.Recipe{Kind: "shuffle"}, Keyed: true, Whole: true, Total: true},
}

func exactly(text string) func(v, mask string) bool {
	return func(_, mask string) bool { return mask == text }
}

func token(_, mask string) bool {
	return len(mask) == 32 && strings.Trim(mask, "0123456789abcdef") == ""
}

// ff1 allows as many letters of the alphabet in place of letters of it.
func ff1(alphabet, cipher, letters string) Sample {
	return Sample{Recipe: masking.Recipe{Kind: "ff1", Alphabet: alphabet, Cipher: cipher}, Keyed: true, Shows: func(v, mask string) bool {
		return utf8.RuneCountInString(v) >= 2 && utf8.RuneCountInString(v) == utf8.RuneCountInString(mask) &&
			strings.Trim(v, letters) == "" && strings.Trim(mask, letters) == ""
	}}
}

// identifier allows a valid identifier of the same length in place of a valid one.
func identifier(field, cipher string, valid func(string) bool, keep ...string) Sample {
	r := masking.Recipe{Kind: "identifier", Field: field, Cipher: cipher, Keep: keep}
	if field == "resident_id" {
		r.FirstYear, r.LastYear = 1900, 2030
	}
	return Sample{Recipe: r, Keyed: true, Shows: func(v, mask string) bool {
		return len(v) == len(mask) && valid(v) && valid(mask)
	}}
}

// freeText allows parts of a text replaced by four stars, the rest as it is, and
// nothing in the result that a scanner finds at a score of 25.
func freeText(classes ...string) Sample {
	var set detect.Set
	for _, name := range classes {
		var c detect.Class
		if err := c.UnmarshalText([]byte(name)); err != nil {
			panic("maskingtest: " + err.Error())
		}
		set |= detect.Of(c)
	}
	scanner := detect.New(detect.Options{Classes: set, Threshold: 25})
	return Sample{Recipe: masking.Recipe{Kind: "free_text", Classes: classes},
		Misfit: func(v string) bool { return !utf8.ValidString(v) },
		Shows: func(v, mask string) bool {
			return utf8.ValidString(v) && replaced(v, mask) && len(scanner.ScanString(nil, mask)) == 0
		}}
}

// replaced reports whether mask is v with parts of it replaced by four stars each.
// v may have stars of its own, so all ways to read the mask are gone.
func replaced(v, mask string) bool {
	var reach [5][]bool // by how much of mask, modulo 5: how much of v it can stand for
	for j := range reach {
		reach[j] = make([]bool, len(v)+1)
	}
	reach[0][0] = true
	for j := range len(mask) {
		now, next, after := reach[j%5], reach[(j+1)%5], reach[(j+4)%5]
		hidden := strings.HasPrefix(mask[j:], "****")
		before := false // some shorter part of v is reached
		for i := range now {
			after[i] = after[i] || hidden && before
			if !now[i] {
				continue
			}
			before = true
			if i < len(v) && v[i] == mask[j] {
				next[i+1] = true
			}
		}
		clear(now)
	}
	return reach[len(mask)%5][len(v)]
}

func resident(v string) bool {
	_, ok := china.ParseIdentity(v)
	return ok && len(v) == 18
}

func credit(v string) bool {
	return len(v) == 18 && china.CreditCheck(v[:17]) == v[17] && china.OrganizationChecks(v[8:17])
}

// window allows so many characters at the ends, and stars between them.
func window(first, last int) func(v, mask string) bool {
	return func(v, mask string) bool {
		r := []rune(v)
		if !utf8.ValidString(v) || len(r) <= first+last {
			return false
		}
		head, tail := string(r[:first]), string(r[len(r)-last:])
		return strings.HasPrefix(mask, head) && strings.HasSuffix(mask, tail) && len(mask) > len(head)+len(tail) &&
			strings.Trim(mask[len(head):len(mask)-len(tail)], "*") == ""
	}
}

func partial(first, last int) Sample {
	return Sample{Recipe: masking.Recipe{Kind: "partial", KeepFirst: first, KeepLast: last}, Shows: func(v, mask string) bool {
		n := utf8.RuneCountInString(v)
		return (n-first-last)*3 >= n && window(first, last)(v, mask)
	}}
}

func pattern(p string) Sample {
	shape := strings.NewReplacer(`\#`, "\uE000").Replace(p) // the only escape of the samples
	return Sample{Recipe: masking.Recipe{Kind: "pattern", Pattern: p}, Shows: func(v, mask string) bool {
		value, shown, signs := []rune(v), []rune(mask), []rune(shape)
		if !utf8.ValidString(v) || len(value) != len(signs) || len(shown) != len(signs) {
			return false
		}
		for i, sign := range signs {
			fits := true
			switch sign {
			case '#', '0':
				fits = value[i] >= '0' && value[i] <= '9'
			case '@', 'A':
				fits = unicode.IsLetter(value[i])
			case '?', '*':
			case '\uE000':
				fits = value[i] == '#'
			default:
				fits = value[i] == sign
			}
			hidden := sign == '0' || sign == 'A' || sign == '*'
			if !fits || hidden && shown[i] != '*' || !hidden && shown[i] != value[i] {
				return false
			}
		}
		return true
	}}
}

func display(field string, shows func(v, mask string) bool) Sample {
	return Sample{Recipe: masking.Recipe{Kind: "display", Field: field}, Shows: shows}
}

// address allows names of divisions: Chinese characters that end as such names
// do, and at most 40 of them.
func address(v, mask string) bool {
	names, ok := strings.CutSuffix(mask, "****")
	if !ok || names == "" || !strings.HasPrefix(v, names) || utf8.RuneCountInString(names) > 40 {
		return false
	}
	for _, r := range names {
		if !unicode.Is(unicode.Han, r) && r != ' ' && r != ',' {
			return false
		}
	}
	return true
}

func email(v, mask string) bool {
	local, domain, ok := strings.Cut(v, "@")
	if !ok || strings.Contains(domain, "@") || local == "" {
		return false
	}
	if len(local) == 1 {
		return mask == "****@"+domain
	}
	return mask == local[:1]+"****@"+domain
}

func ip(v, mask string) bool {
	a, err := netip.ParseAddr(v)
	if err != nil || a.Zone() != "" {
		return false
	}
	if a.Is4() {
		groups := strings.Split(v, ".")
		return mask == groups[0]+"."+groups[1]+".*.*"
	}
	shown, err := netip.ParseAddr(strings.Replace(mask, "*:*:*:*:*:*", ":", 1))
	if err != nil {
		return false
	}
	prefix, err := a.Prefix(32)
	return err == nil && shown == prefix.Addr() || err == nil && shown.StringExpanded() == prefix.Addr().StringExpanded()
}

func region(digits int) Sample {
	return Sample{Recipe: masking.Recipe{Kind: "region", Digits: digits}, Shows: func(v, mask string) bool {
		return len(v) > digits && strings.Trim(v, "0123456789") == "" && mask == v[:digits]+strings.Repeat("0", len(v)-digits)
	}}
}

func geohash(digits int) Sample {
	return Sample{Recipe: masking.Recipe{Kind: "geohash", Digits: digits}, Shows: func(v, mask string) bool {
		return strings.Count(v, ",") == 1 && len(mask) == digits && strings.Trim(mask, "0123456789bcdefghjkmnpqrstuvwxyz") == ""
	}}
}

func date(part string) Sample { return Sample{Recipe: masking.Recipe{Kind: "date", Part: part}} }
