package workflow

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// Two callers read APPROVED, then both write: without any lock between them,
// the compare-and-set alone decides.
func TestTheSecondOfTwoReadersLosesTheCompareAndSet(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "w.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	script, err := embedded.ReadFile("migrations/01001_workflow.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, _, _ := strings.Cut(string(script), "-- +goose Down")
	if _, err := db.Exec(up); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	if err := Start(t.Context(), tx, QueryApproval, "x", Actor{"olga", "medco", []string{"operator"}}, at); err != nil {
		t.Fatal(err)
	}
	first, err := Get(t.Context(), tx, QueryApproval, "x")
	if err != nil {
		t.Fatal(err)
	}
	second := first
	if err := first.set(t.Context(), tx, Submitted, "", time.Time{}, at); err != nil {
		t.Fatalf("first: %v", err)
	}
	// The state is the same again; that somebody moved still counts.
	if err := second.set(t.Context(), tx, Analysed, "", time.Time{}, at); !errors.Is(err, ErrState) {
		t.Errorf("second, after a move that came back = %v, want ErrState", err)
	}
	second.History = append(second.History, Step{})
	second.State = Approved
	if err := second.set(t.Context(), tx, Analysed, "", time.Time{}, at); !errors.Is(err, ErrState) {
		t.Errorf("second, from another state = %v, want ErrState", err)
	}
}
