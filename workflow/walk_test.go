package workflow_test

import (
	"database/sql"
	"slices"
	"testing"

	"zonebox/workflow"
)

// led is where a move leads, and who may make it.
type led struct {
	to    workflow.State
	roles []string
}

// everyMove has everybody try every move from every state. What the table lists
// leads where it says, for those it names; all else is refused. ways says how each
// state is reached; from starts an instance id on such a way, calls f and rolls back;
// input is what a move is bound to. allowed is how many of the tries are allowed.
func everyMove(t *testing.T, m workflow.Machine, id string, ways map[workflow.State][]step, table map[[2]string]led, allowed int,
	from func(way []step, f func(*sql.Tx)), input func(move string) string) {
	t.Helper()
	if len(ways) != len(m.States) {
		t.Fatalf("%d states have a way, want all %d", len(ways), len(m.States))
	}
	var names []string
	for _, mv := range m.Moves {
		if !slices.Contains(names, mv.Name) {
			names = append(names, mv.Name)
		}
	}
	done := 0
	for state, way := range ways {
		for _, move := range names {
			for _, by := range everyone {
				want, ok := table[[2]string{string(state), move}]
				ok = ok && slices.Contains(want.roles, by.Roles[0])
				from(way, func(tx *sql.Tx) {
					to, err := workflow.Do(t.Context(), tx, m, id, move, by, at, workflow.Note{Input: input(move)})
					if ok && (err != nil || to != want.to) {
						t.Errorf("%s %s by %s = %s, %v, want %s", state, move, by.Roles[0], to, err, want.to)
					}
					if !ok && err == nil {
						t.Errorf("%s %s by %s leads to %s, want it refused", state, move, by.Roles[0], to)
					}
					if ok {
						done++
					}
				})
			}
		}
	}
	if done != allowed {
		t.Errorf("%d moves were allowed, want %d", done, allowed)
	}
}
