package ledger

import (
	"errors"
	"testing"
)

// Two crossing tables of 40 people leave no class that tells by itself: what is quickly
// decided with effort is refused without.
func TestWhatIsTooLongToDecideIsRefused(t *testing.T) {
	entity := make([]uint32, 400)
	rows, columns := make([][]uint32, 4), make([][]uint32, 4)
	for i := range entity {
		entity[i] = uint32(i)
		rows[i%4], columns[i/4%4] = append(rows[i%4], uint32(i)), append(columns[i/4%4], uint32(i))
	}
	l := New(30, entity)
	if err := l.Keep(Release{ID: "a", Population: "a", Cells: map[string][][]uint32{Counts: rows}}); err != nil {
		t.Fatal(err)
	}
	next := Release{ID: "b", Population: "a", Cells: map[string][][]uint32{Counts: columns}}
	if f, err := l.Try(next); err != nil || f != nil {
		t.Fatalf("Try = %+v, %v, want nil", f, err)
	}
	l.effort = 100
	if f, err := l.Try(next); err != nil || f == nil || f.Kind != Undecided {
		t.Errorf("Try of little effort = %+v, %v, want undecided", f, err)
	}
}

func TestCellsThatOverlapTooMuchAreRefused(t *testing.T) {
	entity := make([]uint32, 200)
	for i := range entity {
		entity[i] = uint32(i)
	}
	nested := func(n int) Release {
		r := Release{ID: "a", Population: "a", Cells: map[string][][]uint32{Counts: nil}}
		for i := range n {
			r.Cells[Counts] = append(r.Cells[Counts], entity[:2+2*i])
		}
		return r
	}
	l := New(2, entity)
	if f, err := l.Try(nested(64)); err != nil || f != nil {
		t.Errorf("Try of 64 cells in each other = %+v, %v, want nil", f, err)
	}
	if f, err := l.Try(nested(65)); err != nil || f == nil || f.Kind != Undecided {
		t.Errorf("Try of 65 = %+v, %v, want undecided", f, err)
	}
	if err := l.Keep(nested(65)); !errors.Is(err, ErrCells) || len(l.Releases()) > 0 {
		t.Errorf("Keep of 65 = %v, %v kept, want %v and none", err, l.Releases(), ErrCells)
	}
}
