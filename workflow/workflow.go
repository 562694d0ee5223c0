// Package workflow runs state machines that are tables: which move leads from
// which state to which, and which role may make it.
//
// It guarantees that a move happens in a state it starts from or not at all,
// by compare-and-set inside the caller's transaction, so that of two callers
// who resume one approval at once exactly one gets a run; that whoever asked
// never settles their own request and that a second person is another person
// of another organization; that a regulator or provider acts only where Start
// named their organization; and that every move is kept with who, when and why.
//
// It does not decide. Guards that need facts (label, recipient, digests of the
// data) are the caller's, before Do in the same transaction. Nothing here moves
// by itself when time passes: silence never approves.
//
// Read the tables QueryApproval and OutputRelease first, then Do.
package workflow

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Migrations creates the workflow's tables. fs.Sub fails only on an invalid
// path, and this one is a constant.
var Migrations, _ = fs.Sub(embedded, "migrations")

var (
	// ErrNotFound means that no instance has the id.
	ErrNotFound = errors.New("no such instance")
	// ErrExists means that an instance has the id already.
	ErrExists = errors.New("instance exists")
	// ErrMove means that the machine has no move of that name.
	ErrMove = errors.New("no such move")
	// ErrState means that the move does not start from the present state,
	// perhaps because somebody else moved first.
	ErrState = errors.New("not in this state")
	// ErrRole means that no role of the actor may make the move.
	ErrRole = errors.New("role may not make this move")
	// ErrParty means that the role is right but the organization is not one of
	// the instance's.
	ErrParty = errors.New("organization has no part in this")
	// ErrSelf means that somebody would settle their own request.
	ErrSelf = errors.New("nobody settles their own request")
	// ErrSamePerson means that the second person is the first.
	ErrSamePerson = errors.New("the second person must be another person")
	// ErrSameOrg means that the second person, or the reviewer, is of the same
	// organization as the first, or as the requester.
	ErrSameOrg = errors.New("must be of another organization")
	// ErrInput means that what would run is not what was approved.
	ErrInput = errors.New("input is not what was approved")
	// ErrExpired means that the approval has run out.
	ErrExpired = errors.New("approval has expired")
)

// Codes of the errors, stable, for those who show them.
var codes = []struct {
	err  error
	code string
}{
	{ErrNotFound, "WF_NOT_FOUND"}, {ErrExists, "WF_EXISTS"}, {ErrMove, "WF_MOVE"}, {ErrState, "WF_STATE"},
	{ErrRole, "WF_ROLE"}, {ErrParty, "WF_PARTY"}, {ErrSelf, "WF_SELF"}, {ErrSamePerson, "WF_SAME_PERSON"},
	{ErrSameOrg, "WF_SAME_ORG"}, {ErrInput, "WF_INPUT"}, {ErrExpired, "WF_EXPIRED"},
}

// Code returns the stable code of a workflow error, "" for any other.
func Code(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return ""
}

// State is the name of a state.
type State string

// Machine is a state machine as a table.
type Machine struct {
	Name    string
	Initial State
	States  []State
	// Starters lists the roles that may start an instance.
	Starters []string
	Moves    []Move
}

// Move is one row: the roles that may lead from any of the states to one.
// Several rows may share a name, as long as no state starts two of them.
type Move struct {
	Name  string
	From  []State
	To    State
	Roles []string
	// Review marks the judgment of a person: not by the requester nor their
	// organization, and not by a person or an organization that already made a
	// review move on this instance.
	Review bool
	// Anew lets reviews begin again: those before it bar nobody any more.
	Anew bool
	// Binds keeps the input digest and expiry of the note as what is approved.
	Binds bool
	// Consumes demands the same input digest, before the expiry.
	Consumes bool
	// Article is the ground of the row.
	Article string
}

// Engine is the role in which the gate itself moves.
const Engine = "engine"

// Actor is who moves.
type Actor struct {
	User, Org string
	Roles     []string
}

// Party names an organization that may act in a role on one instance: the
// zone's regulator, the providers of the datasets. Those two roles move only as
// a party; other roles are free of zone and dataset.
type Party struct{ Role, Org string }

// partyRoles are bound to a zone or a dataset (NJ24-06, NJ24-15).
var partyRoles = []string{"zone_regulator", "provider"}

// Note is kept with a move.
type Note struct {
	// Code is a stable reason code.
	Code string
	// Input is the digest of all that an approval binds; required where the
	// move binds or consumes.
	Input string
	// Until is when an approval ends; zero means the caller sets no end.
	Until time.Time
	// Text is a person's reason. It is stored as it is: seal it first.
	Text []byte
}

// Movers returns the roles that may make a move of that name from some state.
func (m Machine) Movers(name string) []string {
	var out []string
	for _, mv := range m.Moves {
		if mv.Name == name {
			out = append(out, mv.Roles...)
		}
	}
	return out
}

// move returns the row of that name that starts from state.
func (m Machine) move(name string, from State) (Move, error) {
	err := ErrMove
	for _, mv := range m.Moves {
		if mv.Name != name {
			continue
		}
		if slices.Contains(mv.From, from) {
			return mv, nil
		}
		err = ErrState
	}
	return Move{}, err
}

// Start puts a new instance in the machine's initial state, on request of by.
func Start(ctx context.Context, tx *sql.Tx, m Machine, id string, by Actor, at time.Time, parties ...Party) error {
	if !slices.ContainsFunc(by.Roles, func(r string) bool { return slices.Contains(m.Starters, r) }) {
		return fmt.Errorf("workflow: start %s %s: %w", m.Name, id, ErrRole)
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO workflow_instances
		(machine, id, state, requester, requester_org, input, until, moves, started_at, moved_at)
		VALUES (?, ?, ?, ?, ?, '', 0, 0, ?6, ?6) ON CONFLICT DO NOTHING`,
		m.Name, id, m.Initial, by.User, by.Org, at.UnixNano())
	if err != nil {
		return fmt.Errorf("workflow: start %s %s: %w", m.Name, id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("workflow: start %s %s: %w", m.Name, id, ErrExists)
	}
	for _, p := range parties {
		_, err := tx.ExecContext(ctx, `INSERT INTO workflow_parties (machine, id, role, org) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			m.Name, id, p.Role, p.Org)
		if err != nil {
			return fmt.Errorf("workflow: start %s %s: %w", m.Name, id, err)
		}
	}
	return nil
}

// Do makes a move and returns the state it led to. On error nothing was
// changed, and the caller should roll back.
func Do(ctx context.Context, tx *sql.Tx, m Machine, id, move string, by Actor, at time.Time, note Note) (State, error) {
	to, err := do(ctx, tx, m, id, move, by, at, note)
	if err != nil {
		return "", fmt.Errorf("workflow: %s %s %s: %w", move, m.Name, id, err)
	}
	return to, nil
}

// May returns the error with which Do would refuse by the move now, nil if it would not.
// What a note has to hold it does not look at.
func (in Instance) May(m Machine, move string, by Actor) error {
	mv, err := m.move(move, in.State)
	if err == nil {
		_, err = in.admit(m, mv, by)
	}
	if err != nil {
		return fmt.Errorf("workflow: %s %s %s: %w", move, m.Name, in.ID, err)
	}
	return nil
}

func do(ctx context.Context, tx *sql.Tx, m Machine, id, name string, by Actor, at time.Time, note Note) (State, error) {
	in, err := Get(ctx, tx, m, id)
	if err != nil {
		return "", err
	}
	mv, err := m.move(name, in.State)
	if err != nil {
		return "", err
	}
	role, err := in.admit(m, mv, by)
	if err != nil {
		return "", err
	}
	input, until := in.Input, in.Until
	switch {
	case mv.Binds && note.Input == "":
		return "", ErrInput
	case mv.Binds:
		input, until = note.Input, note.Until
	case (mv.Consumes || note.Input != "") && note.Input != in.Input:
		return "", ErrInput
	case mv.Consumes && !in.Until.IsZero() && !at.Before(in.Until):
		return "", ErrExpired
	}
	if err := in.set(ctx, tx, mv.To, input, until, at); err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO workflow_moves
		(machine, id, seq, move, from_state, to_state, user, org, role, review, at, code, text)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.Name, id, len(in.History)+1, mv.Name, in.State, mv.To, by.User, by.Org, role, mv.Review, at.UnixNano(), note.Code, note.Text)
	return mv.To, err
}

// set moves the stored instance on by compare-and-set: it must still be where
// in was read, or set returns ErrState.
func (in Instance) set(ctx context.Context, tx *sql.Tx, to State, input string, until, at time.Time) error {
	res, err := tx.ExecContext(ctx, `UPDATE workflow_instances SET state = ?, input = ?, until = ?, moved_at = ?, moves = moves + 1
		WHERE machine = ? AND id = ? AND state = ? AND moves = ?`,
		to, input, nanos(until), at.UnixNano(), in.Machine, in.ID, in.State, len(in.History))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return ErrState
	}
	return nil
}

// admit returns the role in which by may make the move on this instance.
func (in Instance) admit(m Machine, mv Move, by Actor) (string, error) {
	if by.User == "" {
		return "", ErrRole
	}
	role, err := "", ErrRole
	for _, r := range mv.Roles {
		if !slices.Contains(by.Roles, r) {
			continue
		}
		if slices.Contains(partyRoles, r) && !slices.Contains(in.Parties, Party{r, by.Org}) ||
			r == "operator" && by.Org != in.RequesterOrg {
			err = ErrParty
			continue
		}
		role, err = r, nil
		break
	}
	if err != nil || !mv.Review {
		return role, err
	}
	switch {
	case by.User == in.Requester:
		return "", ErrSelf
	case by.Org == in.RequesterOrg:
		return "", ErrSameOrg
	}
	for _, s := range in.History[in.anew(m):] {
		switch {
		case s.Review && s.User == by.User:
			return "", ErrSamePerson
		case s.Review && s.Org == by.Org:
			return "", ErrSameOrg
		}
	}
	return role, nil
}

// anew returns how many steps lie before reviews last began again.
func (in Instance) anew(m Machine) int {
	for i := len(in.History); i > 0; i-- {
		if mv, err := m.move(in.History[i-1].Move, in.History[i-1].From); err == nil && mv.Anew {
			return i
		}
	}
	return 0
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
