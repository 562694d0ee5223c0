package detect

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/masking/china"
)

// reader returns a function that appends value i of the array as text, and false
// if its values are neither text nor numbers.
func reader(arr arrow.Array) (func(dst []byte, i int) []byte, bool) {
	switch a := arr.(type) {
	case interface{ Value(int) string }:
		return func(dst []byte, i int) []byte { return append(dst, a.Value(i)...) }, true
	case *array.Binary:
		return func(dst []byte, i int) []byte { return append(dst, a.Value(i)...) }, true
	case *array.LargeBinary:
		return func(dst []byte, i int) []byte { return append(dst, a.Value(i)...) }, true
	case *array.Int64:
		return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, a.Value(i), 10) }, true
	case *array.Int32:
		return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(a.Value(i)), 10) }, true
	case *array.Uint64:
		return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, a.Value(i), 10) }, true
	case *array.Uint32:
		return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, uint64(a.Value(i)), 10) }, true
	case *array.Decimal128:
		if t, ok := a.DataType().(*arrow.Decimal128Type); !ok || t.Scale != 0 {
			return nil, false
		}
		return func(dst []byte, i int) []byte {
			v := a.Value(i)
			if v.HighBits() != 0 { // below 0, or of more digits than any identifier
				return append(dst, v.ToString(0)...)
			}
			return strconv.AppendUint(dst, v.LowBits(), 10)
		}, true
	case *array.Float64: // spreadsheets hold telephone numbers so
		return func(dst []byte, i int) []byte {
			if v := a.Value(i); v == math.Trunc(v) && math.Abs(v) < 1<<53 {
				return strconv.AppendInt(dst, int64(v), 10)
			}
			return strconv.AppendFloat(dst, a.Value(i), 'g', -1, 64)
		}, true
	}
	return nil, false
}

// trim cuts blanks and quotes from both ends.
func trim(text []byte) []byte {
	for len(text) > 0 {
		if c, size := fold(text, 0); size > 0 && blank(c) {
			text = text[size:]
			continue
		}
		if c := text[len(text)-1]; blank(c) {
			text = text[:len(text)-1]
			continue
		}
		if n := len(text) - 3; n >= 0 {
			if c, size := fold(text, n); size == 3 && blank(c) {
				text = text[:n]
				continue
			}
		}
		break
	}
	return text
}

func blank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '"' || c == '\''
}

// wholly reports whether text, all of it, is of the class.
func wholly(c Class, text []byte) bool {
	if c == PersonName {
		n, ok := china.ParseName(text)
		return ok && !noName(text) && (n.Surname == 0 || n.Common && n.Rest > 0 || n.Given > 0)
	}
	if c == PostalAddress || len(text) < 7 || len(text) > 80 {
		return false // the scanner says
	}
	if c == Plate {
		return china.Plate(text)
	}
	var buf [96]byte
	s := china.Normal(buf[:0], text)
	if c == Email {
		return china.Email(s)
	}
	if c == Network {
		return china.IPv4(s) || china.IPv6(s)
	}
	s = compact(s)
	switch c {
	case ResidentID:
		_, ok := china.ParseIdentity(s)
		return ok
	case CreditCode:
		_, ok := china.ParseCredit(s)
		return ok
	case Organization:
		return china.OrganizationChecks(s)
	case Mobile:
		return china.Mobile(s[china.MobilePrefix(s):])
	case Landline:
		return china.Landline(s)
	case BankCard:
		_, ok := china.ParseCard(s)
		return ok
	case Passport:
		return china.Passport(s)
	case Permit:
		return china.Permit(s)
	}
	return false
}

// compact drops single blanks and hyphens between characters, in place.
func compact(s []byte) []byte {
	out := s[:0]
	for i, c := range s {
		if (c == ' ' || c == '-') && i > 0 && i+1 < len(s) && s[i-1] != ' ' && s[i-1] != '-' {
			continue
		}
		out = append(out, c)
	}
	return out
}

// spread counts values by hash, in constant memory: 8 KiB for how many differ,
// 16 KiB for how evenly they are spread.
type spread struct {
	seen  [1 << 16 / 64]uint64
	cells [1 << 12]int64
	total int64
}

func (s *spread) add(text []byte, count int64) {
	h := uint64(0xcbf29ce484222325)
	for _, c := range text { // FNV-1a, then the finalizer of MurmurHash3
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	s.seen[h>>6&1023] |= 1 << (h & 63)
	s.cells[h>>20&(1<<12-1)] += count
	s.total += count
}

// figures returns about how many values differ (linear counting, Whang and others
// 1990) and a lower bound of their entropy in bits.
func (s *spread) figures() (distinct int64, entropy float64) {
	free := 1 << 16
	for _, word := range s.seen {
		free -= bits.OnesCount64(word)
	}
	distinct = int64(math.Round(-math.Log(max(float64(free), 0.5)/(1<<16)) * (1 << 16)))
	for _, n := range s.cells {
		if n > 0 {
			p := float64(n) / float64(s.total)
			entropy -= p * math.Log2(p)
		}
	}
	return min(distinct, s.total), max(entropy, 0)
}
