package detect

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// A Tally says how many rows of a column hold a class, without saying what.
type Tally struct {
	Rows  int64 // with at least one hit
	Sure  int64 // of these, with a hit of Certain or more
	First int64 // the first of those, from 0
}

// Certain is the score from which a hit proves itself: a check character, a
// region and a birthday that all hold, or a keyword before a number of its form.
const Certain = 90

// fewestDigits are those of an identifier of each class; of classes that are not
// here nothing is said.
var fewestDigits = [classCount]int{ResidentID: 14, Mobile: 11, BankCard: 13, Passport: 7}

// fewest is how many digits a text has at least that holds what s looks for.
func (s *Scanner) fewest() int {
	least := fewestDigits[ResidentID]
	for c := ResidentID; c < classCount; c++ {
		if s.classes.Has(c) {
			least = min(least, fewestDigits[c])
		}
	}
	return least
}

// digitsIn reports whether text has at least n digits, or full-width characters,
// which may be digits.
func digitsIn(text []byte, n int) bool {
	for _, c := range text {
		if c-'0' <= 9 {
			n--
		} else if c == 0xEF {
			return true
		}
	}
	return n <= 0
}

// Array scans every value of a column, as it is about to leave: text, binary
// text, whole numbers, or a dictionary of these, each value of which is scanned
// once. It returns what was found by class, nothing if nothing was, and an error
// wrapping ErrType for other types, of which nothing is known. The caller keeps
// the array.
//
// Sums and counts are whole numbers too, and one in fourteen of eleven digits
// reads like a mobile number: columns of statistics are not worth asking for.
func (s *Scanner) Array(arr arrow.Array) (map[Class]Tally, error) {
	values := arr
	dictionary, coded := arr.(*array.Dictionary)
	if coded {
		values = dictionary.Dictionary()
	}
	value, ok := reader(values)
	if !ok {
		return nil, fmt.Errorf("detect: scan %s: %w", arr.DataType(), ErrType)
	}
	out := map[Class]Tally{}
	var scratch []byte
	var hits []Hit
	fewest := s.fewest()
	found := func(i int) (of, sure Set) {
		scratch = value(scratch[:0], i)
		if !digitsIn(scratch, fewest) {
			return 0, 0
		}
		hits = s.Scan(hits[:0], scratch)
		for _, h := range hits {
			of |= 1 << h.Class
			if h.Score >= Certain {
				sure |= 1 << h.Class
			}
		}
		return of, sure
	}
	var memo []struct{ of, sure Set } // per value of the dictionary
	if coded {
		memo = make([]struct{ of, sure Set }, values.Len())
		for i := range memo {
			if values.IsValid(i) {
				memo[i].of, memo[i].sure = found(i)
			}
		}
	}
	for row := range arr.Len() {
		if arr.IsNull(row) {
			continue
		}
		var of, sure Set
		if coded {
			m := memo[dictionary.GetValueIndex(row)]
			of, sure = m.of, m.sure
		} else {
			of, sure = found(row)
		}
		for c := ResidentID; of != 0 && c < classCount; c++ {
			if !of.Has(c) {
				continue
			}
			t := out[c]
			t.Rows++
			if sure.Has(c) {
				if t.Sure == 0 {
					t.First = int64(row)
				}
				t.Sure++
			}
			out[c] = t
		}
	}
	return out, nil
}
