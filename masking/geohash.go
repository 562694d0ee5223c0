package masking

import (
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// A geohash generalizes a place to the cell of the public geohash grid
// (G. Niemeyer 2008) with so many characters: 5 are about 4.9 km by 4.9 km at
// the equator, 6 are 1.2 km by 0.6 km.
//
// A value is text "longitude,latitude" in decimal degrees, the order of GeoJSON
// (RFC 7946 §3.1.1), with at most one space after the comma; whether in WGS 84
// or GCJ-02 is the column's business. Anything else, and what lies beyond 180
// and 90 degrees, is redacted.
type geohash int

const geohashLetters = "0123456789bcdefghjkmnpqrstuvwxyz"

func (digits geohash) mask(_ *work, v span, out *text) {
	dst := out.room(v.len() * max(int(digits), len(Redacted)))
	for i := range v.len() {
		if lon, lat, ok := place(v.value(i)); ok {
			dst = digits.append(dst, lon, lat)
		} else {
			dst = out.redact(dst, i)
		}
		out.ends[i] = int32(len(dst))
	}
	out.took(dst)
}

// append writes the first letters of the cell: bits of longitude and latitude in
// turns, five to a letter.
func (digits geohash) append(dst []byte, lon, lat float64) []byte {
	bits := spread(cell(lon, 180))<<1 | spread(cell(lat, 90))
	for i := range digits {
		dst = append(dst, geohashLetters[bits>>(25-5*i)&31])
	}
	return dst
}

// axisBits are the bits that six letters have of an axis.
const axisBits = 15

// cell returns which of 2^15 equal parts of -limit to limit v lies in, counted
// from below; the upper end lies in the last. The edges are exact, as 45 and 90
// have few bits.
func cell(v, limit float64) uint32 {
	const cells = 1 << axisBits
	width := 2 * limit / cells
	n := int((v + limit) / width) // may be one off
	if v < float64(n)*width-limit {
		n--
	} else if v >= float64(n+1)*width-limit {
		n++
	}
	return uint32(min(max(n, 0), cells-1))
}

// spread puts a zero before each of 15 bits.
func spread(n uint32) uint32 {
	n = (n | n<<8) & 0x00FF00FF
	n = (n | n<<4) & 0x0F0F0F0F
	n = (n | n<<2) & 0x33333333
	return (n | n<<1) & 0x55555555
}

// place reads "longitude,latitude".
func place(v []byte) (lon, lat float64, ok bool) {
	comma := -1
	for i, c := range v {
		switch {
		case c == ',' && comma < 0:
			comma = i
		case c-'0' <= 9, c == '.', c == '-':
		case c == ' ' && comma >= 0 && i == comma+1:
		default:
			return 0, 0, false
		}
	}
	if comma < 0 || len(v) > 64 {
		return 0, 0, false
	}
	second := v[comma+1:]
	if len(second) > 0 && second[0] == ' ' {
		second = second[1:]
	}
	lon, okLon := degrees(v[:comma], 180)
	lat, okLat := degrees(second, 90)
	return lon, lat, okLon && okLat
}

// degrees reads a decimal without exponent. Up to 15 digits make an integer that
// a float64 holds, and one division rounds once (Clinger 1990).
func degrees(v []byte, limit float64) (float64, bool) {
	text := v
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	mantissa, count, fraction, point := int64(0), 0, 0, false
	for _, c := range text {
		switch {
		case c-'0' <= 9 && count < 15:
			mantissa = mantissa*10 + int64(c-'0')
			count++
			if point {
				fraction++
			}
		case c == '.' && !point:
			point = true
		case c-'0' <= 9:
			return longDegrees(v, limit)
		default:
			return 0, false
		}
	}
	d := float64(mantissa) / tens[fraction]
	if negative {
		d = -d
	}
	return d, count > 0 && d >= -limit && d <= limit
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// longDegrees is degrees of any number of digits.
func longDegrees(v []byte, limit float64) (float64, bool) {
	d, err := strconv.ParseFloat(unsafe.String(&v[0], len(v)), 64) // a view; ParseFloat keeps it in errors only, and they end here
	return d, err == nil && d >= -limit && d <= limit
}

func geohashProblem(digits int, t arrow.DataType) string {
	switch {
	case t.ID() != arrow.STRING:
		return needsString
	case digits < 1 || digits > 6:
		return "digits must be 1 to 6"
	}
	return ""
}
