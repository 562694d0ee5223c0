package ledger

import "testing"

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
