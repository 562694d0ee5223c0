package masking

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// shiftLimit bounds days: ten years.
const shiftLimit = 3653

// shift moves each date by the whole days that its subject draws, 1 to days
// either way and never none: the time between two events of a subject, and the
// time of day, stay.
//
// Dates without subject and those that days could move out of the years 1 to 9999,
// or that lie outside, become null. No draw decides it: 9999-12-31 often stands for
// none, and moved inward it would tell the draw of its subject.
func shift(days int, d draws) typed {
	const (
		first, last = -719162, 2932896 // 0001-01-01 and 9999-12-31
		perDay      = 86_400_000_000   // microseconds
	)
	return func(alloc memory.Allocator, arr, entities arrow.Array) (arrow.Array, int64, error) {
		read := canonicalReader(entities)
		move := func(tags []byte, i int) int64 {
			n := int64(below(tags, i, uint64(2*days))) - int64(days)
			if n >= 0 {
				n++
			}
			return n
		}
		inside := func(day int64) bool { return day >= first+int64(days) && day <= last-int64(days) }
		var out arrow.Array
		var misfits int64
		switch a := arr.(type) {
		case *array.Date32:
			out, misfits = revalue(alloc, arr, a.Date32Values(), func(w *work, start int, dst, src []arrow.Date32, odd *marks) {
				tags := d.of(w, read, entities, start, len(src), odd)
				for i, v := range src {
					if dst[i] = v + arrow.Date32(move(tags, i)); !inside(int64(v)) {
						odd.set(i)
					}
				}
			})
		case *array.Timestamp:
			out, misfits = revalue(alloc, arr, a.TimestampValues(), func(w *work, start int, dst, src []arrow.Timestamp, odd *marks) {
				tags := d.of(w, read, entities, start, len(src), odd)
				for i, v := range src {
					day := (int64(v) - mod(int64(v), perDay)) / perDay
					if dst[i] = v + arrow.Timestamp(move(tags, i)*perDay); !inside(day) {
						odd.set(i)
					}
				}
			})
		}
		return out, misfits, nil
	}
}

func shiftProblem(days int, t arrow.DataType) string {
	switch {
	case !isTime(t):
		return "needs a date or timestamp column"
	case days < 1 || days > shiftLimit:
		return "days must be 1 to " + strconv.Itoa(shiftLimit)
	}
	return ""
}
