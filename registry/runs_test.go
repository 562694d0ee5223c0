package registry_test

import (
	"errors"
	"strings"
	"testing"
)

// TestRunsAreCountedWithoutTheirBodies: what each question counts anew is read from
// indexes that hold all it asks for, so that a day of questions costs a question little.
func TestRunsAreCountedWithoutTheirBodies(t *testing.T) {
	w := licensed(t)
	for name, where := range map[string]string{
		"of a person":      `user = 'a' AND created_at >= 1 AND in_place_of = ''`,
		"in others' place": `created_at > 1 AND in_place_of <> '' AND user IN (SELECT name FROM documents WHERE kind = 'Person' AND parent = 'a')`,
		"of partners": `created_at > 1 AND in_place_of = '' AND scenario IN (SELECT name FROM documents WHERE kind = 'Scenario' AND parent = 'a')
			AND user IN (SELECT name FROM documents WHERE kind = 'Person' AND parent = 'b')`,
		"a control, which is": `zone = 'a' AND user = 'b'`,
	} {
		rows, err := raw(t, w.path).Query(`EXPLAIN QUERY PLAN SELECT count(*) FROM runs WHERE ` + where)
		if err != nil {
			t.Fatal(err)
		}
		var plan string
		for rows.Next() {
			var id, parent, other int
			var step string
			if err := rows.Scan(&id, &parent, &other, &step); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(step, "runs") {
				plan = step
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		if covered := strings.Contains(plan, "COVERING INDEX runs_"); covered == strings.HasPrefix(name, "a control") {
			t.Errorf("runs %s are counted by %q", name, plan)
		}
	}
}
