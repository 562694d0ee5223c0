package workflow_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"zonebox/workflow"
)

// What was frozen is judged anew: those who agreed before may and must do so again,
// and until they have nothing is released.
func TestWhatWasFrozenIsJudgedAnew(t *testing.T) {
	r := store(t)
	m := workflow.OutputRelease
	way := []step{{"check", engine, "d1"}, {"review_two", engine, ""}, {"approve", zoe, ""}, {"approve", paul, ""}, {"freeze", engine, ""}, {"thaw", engine, "d2"}}
	try(t, r, m, "x", way, func(ctx context.Context, tx *sql.Tx) {
		in, err := workflow.Get(ctx, tx, m, "x")
		if err != nil || in.State != workflow.Checked || len(in.Standing()) != 1 {
			t.Fatalf("after the thaw: %s with %d moves that stand, %v", in.State, len(in.Standing()), err)
		}
		for _, s := range []step{{"review_two", engine, ""}, {"approve", zoe, ""}} {
			if _, err := workflow.Do(ctx, tx, m, "x", s.move, s.by, at, workflow.Note{}); err != nil {
				t.Fatalf("%s: %v", s.move, err)
			}
		}
		if _, err := workflow.Do(ctx, tx, m, "x", "release", engine, at, workflow.Note{Input: "d2"}); !errors.Is(err, workflow.ErrState) {
			t.Errorf("released after one of two: %v", err)
		}
		if _, err := workflow.Do(ctx, tx, m, "x", "approve", paul, at, workflow.Note{}); err != nil {
			t.Errorf("the provider agrees again: %v", err)
		}
		if _, err := workflow.Do(ctx, tx, m, "x", "release", engine, at, workflow.Note{Input: "d1"}); !errors.Is(err, workflow.ErrInput) {
			t.Errorf("released on what was approved before: %v", err)
		}
	})
}
