package masking

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
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

// labelLimit bounds a bucket label: two edges of 21 digits at most, and 3 signs.
const labelLimit = 64

// bind returns the fill of bucket labels: 10-19 over whole numbers, whose last
// value belongs to the bucket, and [10,20) over float64 and decimal.
//
// Redacted as a whole: NaN, infinities, float64 with more than 2^53 steps from
// zero (edges would no longer be exact), and numbers whose bucket does not fit
// 64 bits.
func (g grid) bind(arr arrow.Array) fill {
	switch a := arr.(type) {
	case *array.Int64:
		return labels(a.Int64Values(), func(w *work) []int64 { return w.ints[:] }, g.whole)
	case *array.Float64:
		return labels(a.Float64Values(), func(w *work) []float64 { return w.floats[:] }, g.float)
	case *array.Decimal128:
		scale := int(a.DataType().(*arrow.Decimal128Type).Scale)
		return labels(a.Values(), func(w *work) []decimal128.Num { return w.decimals[:] }, func(dst []byte, v decimal128.Num) ([]byte, bool) {
			if (v.HighBits() != 0 || v.LowBits() > math.MaxInt64) && (v.HighBits() != -1 || v.LowBits() <= math.MaxInt64) {
				return dst, false
			}
			return g.decimal(dst, int64(v.LowBits()), scale)
		})
	}
	panic("masking: number bound to " + arr.DataType().Name())
}

// labels fills in the label of each value, and Redacted where there is none.
func labels[T any](all []T, scratch func(w *work) []T, label func(dst []byte, v T) ([]byte, bool)) fill {
	return func(w *work, b block, out *text) {
		dst := out.room(b.values() * labelLimit)
		for i, v := range pick(b, all, scratch(w)) {
			labeled, ok := label(dst, v)
			if !ok {
				labeled = out.redact(dst, i)
			}
			dst = labeled
			out.ends[i] = int32(len(dst))
		}
		out.took(dst)
	}
}

func (g grid) whole(dst []byte, v int64) ([]byte, bool) {
	low := v - mod(v, g.step) // below the smallest int64 it wraps to above v
	high := low + g.step - 1
	if low > v || high < v {
		return dst, false
	}
	dst = strconv.AppendInt(dst, low, 10)
	dst = append(dst, '-')
	return strconv.AppendInt(dst, high, 10), true
}

func (g grid) float(dst []byte, v float64) ([]byte, bool) {
	unit := math.Pow10(g.places)
	k := math.Floor(v / (float64(g.step) / unit))
	if !(math.Abs(k) < exact/float64(g.step)-1) {
		return dst, false
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
	return g.interval(dst, low), true
}

// decimal writes the bucket of v / 10^scale.
func (g grid) decimal(dst []byte, v int64, scale int) ([]byte, bool) {
	step := g.step
	var ok bool
	if scale > g.places {
		step, ok = times10(step, scale-g.places)
	} else {
		v, ok = times10(v, g.places-scale)
	}
	if !ok {
		return dst, false
	}
	k := (v - mod(v, step)) / step
	if v < 0 && v-mod(v, step) > v {
		return dst, false
	}
	if hi, lo := bits.Mul64(uint64(max(k, -k))+1, uint64(g.step)); hi != 0 || lo > math.MaxInt64 {
		return dst, false
	}
	return g.interval(dst, k*g.step), true
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
	fraction := n % unit
	for unit /= 10; unit > 0; unit /= 10 {
		dst = append(dst, digit(int(fraction/unit)))
	}
	return dst
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

func numberProblem(width float64, t arrow.DataType) string {
	_, err := newGrid(width)
	switch {
	case !isNumber(t):
		return "needs a numeric column"
	case err != nil:
		return err.Error()
	case t.ID() == arrow.INT64 && (width != math.Trunc(width) || width < 2):
		return "width over whole numbers must be a whole number of at least 2"
	}
	return ""
}
