package registry

import (
	"cmp"
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrValue means that a text is not a value of a parameter's type, or none of
// its domain. Which of the two it does not say.
var ErrValue = errors.New("value is not in the parameter's domain")

// maxValue bounds the bytes of a value: 200 characters of four bytes.
const maxValue = 800

// Value returns text as a value of the parameter, in the one spelling that its
// type has, or ErrValue. Whoever is given the result may believe that it is of
// the type and inside the domain; what else the text may look like, SQL say, is
// of no account, since values are bound and never become part of a statement.
//
// Types spell values so: int64 -12; decimal(p,s) -12.50, always with s digits
// after the point, up to s in text; float64 as Go's shortest form, 1.5e-07, never
// NaN or infinite; bool true or false; date 2024-02-29; timestamp
// 2024-02-29 08:00:00 with up to six digits of a second's fraction; string any
// text of at most 200 characters without control characters. A number has no
// sign but -, no leading zeros and no blanks.
func (p Parameter) Value(text string) (string, error) {
	v, ok := canonical(p.Type, text)
	if !ok || !p.Domain.admits(p.Type, v) {
		return "", ErrValue
	}
	return v, nil
}

// admits reports whether the canonical value v of type typ is in the domain.
func (d *Domain) admits(typ, v string) bool {
	switch {
	case d == nil:
		return typ == "bool"
	case d.List != nil:
		return slices.ContainsFunc(d.List, func(item string) bool {
			c, ok := canonical(typ, item)
			return ok && c == v
		})
	case d.Range != nil:
		low, ok1 := canonical(typ, d.Range.Min)
		high, ok2 := canonical(typ, d.Range.Max)
		return ok1 && ok2 && ordered(typ) && compareValues(typ, low, v) <= 0 && compareValues(typ, v, high) <= 0
	case d.Pattern != nil:
		re, err := d.Pattern.compile()
		return err == nil && typ == "string" && utf8.RuneCountInString(v) <= d.Pattern.MaxLength && re.MatchString(v)
	case d.Region != "":
		return typ == "string" && division.MatchString(v) && strings.HasPrefix(v, d.Region)
	}
	return false
}

// division is the shape of a code of an administrative division (GB/T 2260).
var division = regexp.MustCompile(`\A[0-9]{6}\z`)

// compile anchors the expression at both ends. It must be one by itself too:
// "a)|(b" would close the group that the anchors stand around.
func (p Pattern) compile() (*regexp.Regexp, error) {
	if _, err := regexp.Compile(p.Expression); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + p.Expression + `)\z`)
}

// describe tells which values the parameter takes. It is for messages: a domain
// is no secret from whoever may ask the template.
func (p Parameter) describe() text {
	switch d := p.Domain; {
	case d == nil:
		return say("true or false", "true 或 false")
	case d.List != nil:
		const most = 20
		shown, more := strings.Join(d.List[:min(len(d.List), most)], ", "), ""
		if len(d.List) > most {
			more = ", …"
		}
		return say("%s: one of %s%s", "%s,取值之一:%s%s", p.Type, shown, more)
	case d.Range != nil:
		return say("%s from %s to %s", "%s,自 %s 至 %s", p.Type, d.Range.Min, d.Range.Max)
	case d.Pattern != nil:
		return say("text of at most %d characters that matches %s", "不超过 %d 个字符且匹配 %s 的文本", d.Pattern.MaxLength, d.Pattern.Expression)
	}
	return say("six-digit division code beginning with %s", "以 %s 开头的六位行政区划代码", p.Domain.Region)
}

// Takes tells which values the parameter takes, in English and in Chinese.
func (p Parameter) Takes() (en, zh string) {
	t := p.describe()
	return t.en, t.zh
}

// unsound returns the first thing wrong with the declaration of p and where in
// it, an empty text if nothing is.
func (p Parameter) unsound() (path string, t text) {
	if w, s, ok := decimalType(p.Type); ok && s > w {
		return "/type", say("more digits after the point than in all", "小数位数多于总位数")
	}
	if d := p.Domain; d != nil {
		switch {
		case d.List != nil:
			seen := make(map[string]bool)
			for _, item := range d.List {
				c, ok := canonical(p.Type, item)
				if !ok || seen[c] {
					return "/domain/list", say("an item is no %s, or stands twice", "列表项不是 %s 类型,或有重复", p.Type)
				}
				seen[c] = true
			}
		case d.Range != nil:
			low, ok1 := canonical(p.Type, d.Range.Min)
			high, ok2 := canonical(p.Type, d.Range.Max)
			if !ordered(p.Type) || !ok1 || !ok2 || compareValues(p.Type, low, high) > 0 {
				return "/domain/range", say("needs a type with an order, and two values of it in that order", "须为可排序的类型,且下限、上限均为该类型的值并依次排列")
			}
		case d.Pattern != nil:
			if _, err := d.Pattern.compile(); err != nil || p.Type != "string" {
				return "/domain/pattern", say("must be an RE2 expression, of a string", "须为 RE2 表达式,且仅用于 string")
			}
		case p.Type != "string":
			return "/domain/region", say("a region is a string", "区域前缀仅用于 string")
		}
	}
	if p.Default != nil {
		if _, err := p.Value(*p.Default); err != nil {
			return "/default", say("is not in the domain", "缺省值不在取值范围内")
		}
	}
	return "", text{}
}

// ordered reports whether a type has ranges.
func ordered(typ string) bool { return typ != "string" && typ != "bool" }

var (
	wholeNumber = regexp.MustCompile(`\A(?:0|-?[1-9][0-9]*)\z`)
	fixedPoint  = regexp.MustCompile(`\A-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?\z`)
	floating    = regexp.MustCompile(`\A-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?\z`)
)

// canonical returns text in the one spelling of its type.
func canonical(typ, text string) (string, bool) {
	if len(text) > maxValue || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", false
	}
	switch typ {
	case "string":
		return text, utf8.RuneCountInString(text) <= maxValue/4
	case "bool":
		return text, text == "true" || text == "false"
	case "int64":
		_, err := strconv.ParseInt(text, 10, 64)
		return text, err == nil && wholeNumber.MatchString(text)
	case "float64":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !floating.MatchString(text) { // an error if it is out of range; NaN and Inf are words
			return "", false
		}
		return strconv.FormatFloat(f+0, 'g', -1, 64), true // -0 is 0
	case "date":
		at, err := time.Parse(time.DateOnly, text)
		return text, err == nil && at.Year() >= 1
	case "timestamp":
		at, err := time.Parse("2006-01-02 15:04:05", text)
		whole, fraction, point := strings.Cut(text, ".")
		if err != nil || at.Year() < 1 || len(whole) != len(time.DateTime) || point && (len(fraction) == 0 || len(fraction) > 6) {
			return "", false
		}
		return at.Format("2006-01-02 15:04:05.999999"), true
	}
	if width, scale, ok := decimalType(typ); ok {
		return fixed(text, width, scale)
	}
	return "", false
}

// fixed returns a decimal number with scale digits after the point.
func fixed(text string, width, scale int) (string, bool) {
	if !fixedPoint.MatchString(text) {
		return "", false
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if whole != "0" && len(whole) > width-scale || len(fraction) > scale {
		return "", false
	}
	digits := whole
	if scale > 0 {
		digits += "." + fraction + strings.Repeat("0", scale-len(fraction))
	}
	if strings.HasPrefix(text, "-") && strings.Trim(digits, "0.") != "" {
		digits = "-" + digits
	}
	return digits, true
}

func decimalType(typ string) (width, scale int, ok bool) {
	rest, found := strings.CutPrefix(typ, "decimal(")
	w, s, comma := strings.Cut(strings.TrimSuffix(rest, ")"), ",")
	width, err1 := strconv.Atoi(w)
	scale, err2 := strconv.Atoi(s)
	return width, scale, found && comma && err1 == nil && err2 == nil
}

// compareValues orders two canonical values of a type that has an order.
func compareValues(typ, a, b string) int {
	switch typ {
	case "float64":
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Compare(x, y)
	case "date", "timestamp":
		return strings.Compare(a, b) // four digits of the year first; a fraction is longer than none
	}
	x, _ := new(big.Rat).SetString(a)
	y, _ := new(big.Rat).SetString(b)
	return x.Cmp(y)
}
