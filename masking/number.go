package masking

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// A grid divides the number line into half-open buckets [k·width, (k+1)·width),
// the global recoding step of k-anonymity (Sweeney 2002). The width is held as
// the decimal it was written as, step / 10^places, so that edges are exact:
// 0.3 belongs to the bucket [0.3,0.4) of width 0.1, where floor(0.3/0.1) is 2.
type grid struct {
	step   int64
	places int
}

// exact is the largest magnitude up to which a float64 holds every integer.
const exact = 1 << 53

var errWidth = errors.New("width must be greater than 0, at most 1e15 and have at most 9 decimals")

func newGrid(width float64) (grid, error) {
	if !(width > 0 && width <= 1e15) { // NaN fails too
		return grid{}, errWidth
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(width, 'f', -1, 64), ".")
	step, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || len(fraction) > 9 {
		return grid{}, errWidth
	}
	return grid{step: step, places: len(fraction)}, nil
}

// bind returns the writer of bucket labels: 10-19 over whole numbers, whose
// last value belongs to the bucket, and [10,20) over float64 and decimal.
//
// Redacted as a whole: NaN, infinities, float64 with more than 2^53 steps from
// zero (edges would no longer be exact), and numbers whose bucket does not fit
// 64 bits.
func (g grid) bind(arr arrow.Array) writer {
	switch a := arr.(type) {
	case *array.Int64:
		return func(dst []byte, i int) []byte { return g.whole(dst, a.Value(i)) }
	case *array.Float64:
		return func(dst []byte, i int) []byte { return g.float(dst, a.Value(i)) }
	case *array.Decimal128:
		scale := int(a.DataType().(*arrow.Decimal128Type).Scale)
		return func(dst []byte, i int) []byte {
			v := a.Value(i)
			if (v.HighBits() != 0 || v.LowBits() > math.MaxInt64) && (v.HighBits() != -1 || v.LowBits() <= math.MaxInt64) {
				return append(dst, Redacted...)
			}
			return g.decimal(dst, int64(v.LowBits()), scale)
		}
	}
	panic("masking: number bound to " + arr.DataType().Name())
}

func (g grid) whole(dst []byte, v int64) []byte {
	low := v - mod(v, g.step) // below the smallest int64 it wraps to above v
	high := low + g.step - 1
	if low > v || high < v {
		return append(dst, Redacted...)
	}
	dst = strconv.AppendInt(dst, low, 10)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, high, 10)
}

func (g grid) float(dst []byte, v float64) []byte {
	unit := math.Pow10(g.places)
	k := math.Floor(v / (float64(g.step) / unit))
	if !(math.Abs(k) < exact/float64(g.step)-1) {
		return append(dst, Redacted...)
	}
	// The quotient may be one off; edges are correctly rounded decimals, as
	// both numbers divided are exact integers.
	low := int64(k) * g.step
	edge := func(n int64) float64 { return float64(n) / unit }
	if v < edge(low) {
		low -= g.step
	} else if v >= edge(low+g.step) {
		low += g.step
	}
	return g.interval(dst, low)
}

// decimal writes the bucket of v / 10^scale.
func (g grid) decimal(dst []byte, v int64, scale int) []byte {
	step := g.step
	var ok bool
	if scale > g.places {
		step, ok = times10(step, scale-g.places)
	} else {
		v, ok = times10(v, g.places-scale)
	}
	if !ok {
		return append(dst, Redacted...)
	}
	k := (v - mod(v, step)) / step
	if v < 0 && v-mod(v, step) > v {
		return append(dst, Redacted...)
	}
	if hi, lo := bits.Mul64(uint64(max(k, -k))+1, uint64(g.step)); hi != 0 || lo > math.MaxInt64 {
		return append(dst, Redacted...)
	}
	return g.interval(dst, k*g.step)
}

// interval writes [low, low+step) in units of 10^-places.
func (g grid) interval(dst []byte, low int64) []byte {
	dst = append(dst, '[')
	dst = g.point(dst, low)
	dst = append(dst, ',')
	dst = g.point(dst, low+g.step)
	return append(dst, ')')
}

func (g grid) point(dst []byte, n int64) []byte {
	if g.places == 0 {
		return strconv.AppendInt(dst, n, 10)
	}
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	unit := int64(math.Pow10(g.places))
	dst = strconv.AppendInt(dst, n/unit, 10)
	dst = append(dst, '.')
	fraction := strconv.Itoa(int(n%unit + unit)) // 1 and the padded fraction
	return append(dst, fraction[1:]...)
}

// mod returns the remainder of v over m > 0 that is not negative.
func mod(v, m int64) int64 {
	r := v % m
	if r < 0 {
		r += m
	}
	return r
}

// times10 returns v·10^n, and false if that does not fit an int64.
func times10(v int64, n int) (int64, bool) {
	for range n {
		if v > math.MaxInt64/10 || v < math.MinInt64/10 {
			return 0, false
		}
		v *= 10
	}
	return v, true
}
