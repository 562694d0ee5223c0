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

// append halves the longitude and the latitude in turns; five halvings make a
// letter.
func (digits geohash) append(dst []byte, lon, lat float64) []byte {
	west, east, south, north := -180.0, 180.0, -90.0, 90.0
	even := true
	for range digits {
		letter := 0
		for range 5 {
			low, high, at := &south, &north, lat
			if even {
				low, high, at = &west, &east, lon
			}
			letter <<= 1
			if middle := (*low + *high) / 2; at >= middle {
				letter |= 1
				*low = middle
			} else {
				*high = middle
			}
			even = !even
		}
		dst = append(dst, geohashLetters[letter])
	}
	return dst
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

func degrees(v []byte, limit float64) (float64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	d, err := strconv.ParseFloat(unsafe.String(&v[0], len(v)), 64) // a view; ParseFloat keeps nothing of it but in errors
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
