package workflow_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"zonebox/workflow"
)

var at = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// database holds the workflow's tables, with write transactions one after the
// other as the registry has them.
type database struct{ *sql.DB }

type transaction struct {
	*sql.Tx
	ctx context.Context
}

func store(t *testing.T) database {
	t.Helper()
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.Join(t.TempDir(), "w.db"),
		RawQuery: "_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	scripts, err := fs.Glob(workflow.Migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		script, err := fs.ReadFile(workflow.Migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(script), "-- +goose Down")
		if _, err := db.Exec(up); err != nil {
			t.Fatal(err)
		}
	}
	return database{db}
}

func (d database) Update(ctx context.Context, f func(transaction) error) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(transaction{tx, ctx}); err != nil {
		return err
	}
	return tx.Commit()
}

var (
	engine   = workflow.Actor{User: "engine", Roles: []string{"engine"}}
	olga     = workflow.Actor{User: "olga", Org: "medco", Roles: []string{"operator"}}
	zoe      = workflow.Actor{User: "zoe", Org: "health", Roles: []string{"zone_regulator"}}
	paul     = workflow.Actor{User: "paul", Org: "hospital", Roles: []string{"provider"}}
	carol    = workflow.Actor{User: "carol", Org: "city", Roles: []string{"city_authority"}}
	dave     = workflow.Actor{User: "dave", Org: "centre", Roles: []string{"data_centre"}}
	aud      = workflow.Actor{User: "aud", Org: "assessors", Roles: []string{"auditor"}}
	sam      = workflow.Actor{User: "sam", Org: "guard", Roles: []string{"security"}}
	everyone = []workflow.Actor{engine, olga, zoe, paul, carol, dave, aud, sam}
	parties  = []workflow.Party{{Role: "zone_regulator", Org: "health"}, {Role: "provider", Org: "hospital"}}
)

// errRollback ends a test's transaction without a trace.
var errRollback = errors.New("rolled back")

// try makes the moves inside one transaction, calls f, and rolls back.
func try(t *testing.T, r database, m workflow.Machine, id string, path []step, f func(ctx context.Context, tx *sql.Tx)) {
	t.Helper()
	err := r.Update(t.Context(), func(tx transaction) error {
		if err := workflow.Start(tx.ctx, tx.Tx, m, id, olga, at, parties...); err != nil {
			return err
		}
		for _, s := range path {
			if _, err := workflow.Do(tx.ctx, tx.Tx, m, id, s.move, s.by, at, workflow.Note{Input: s.input}); err != nil {
				return err
			}
		}
		f(tx.ctx, tx.Tx)
		return errRollback
	})
	if !errors.Is(err, errRollback) {
		t.Fatal(err)
	}
}

type step struct {
	move  string
	by    workflow.Actor
	input string
}

// ways leads to every state of both machines.
var ways = map[string]map[workflow.State][]step{
	"query": {
		"SUBMITTED":      nil,
		"ANALYSED":       {{"analyse", engine, ""}},
		"DECIDED_ALLOW":  {{"analyse", engine, ""}, {"allow", engine, "d1"}},
		"DECIDED_REVIEW": {{"analyse", engine, ""}, {"review", engine, "d1"}},
		"DECIDED_DENY":   {{"deny", engine, ""}},
		"APPROVED":       {{"analyse", engine, ""}, {"allow", engine, "d1"}, {"pass", engine, ""}},
		"RECHECKED":      {{"analyse", engine, ""}, {"review", engine, "d1"}, {"approve", zoe, "d1"}, {"recheck", engine, "d1"}},
		"RUNNING":        {{"analyse", engine, ""}, {"allow", engine, "d1"}, {"pass", engine, ""}, {"recheck", engine, "d1"}, {"run", engine, ""}},
		"DONE":           {{"analyse", engine, ""}, {"allow", engine, "d1"}, {"pass", engine, ""}, {"recheck", engine, "d1"}, {"run", engine, ""}, {"finish", engine, ""}},
		"FAILED":         {{"analyse", engine, ""}, {"allow", engine, "d1"}, {"pass", engine, ""}, {"recheck", engine, "d1"}, {"fail", engine, ""}},
		"KILLED":         {{"analyse", engine, ""}, {"allow", engine, "d1"}, {"pass", engine, ""}, {"recheck", engine, "d1"}, {"run", engine, ""}, {"kill", dave, ""}},
		"EXPIRED":        {{"analyse", engine, ""}, {"review", engine, "d1"}, {"expire", engine, ""}},
		"VOIDED":         {{"void", carol, ""}},
		"REPEATED":       {{"analyse", engine, ""}, {"allow", engine, "d1"}, {"repeat", engine, ""}},
	},
	"release": {
		"HELD":             nil,
		"CHECKED":          {{"check", engine, "d1"}},
		"REVIEWING":        {{"check", engine, "d1"}, {"review", engine, ""}},
		"REVIEWING_FIRST":  {{"check", engine, "d1"}, {"review_two", engine, ""}},
		"REVIEWING_SECOND": {{"check", engine, "d1"}, {"review_two", engine, ""}, {"approve", zoe, ""}},
		"APPROVED":         {{"check", engine, "d1"}, {"review_two", engine, ""}, {"approve", zoe, ""}, {"approve", paul, ""}},
		"RELEASED":         {{"check", engine, "d1"}, {"release", engine, "d1"}},
		"DOWNLOADED":       {{"check", engine, "d1"}, {"release", engine, "d1"}, {"download", olga, ""}},
		"BLOCKED":          {{"block", engine, ""}},
		"COARSENED":        {{"check", engine, "d1"}, {"review_two", engine, ""}, {"approve", zoe, ""}, {"coarsen", paul, ""}},
		"FROZEN":           {{"freeze", zoe, ""}},
		"RECALLED":         {{"check", engine, "d1"}, {"release", engine, "d1"}, {"recall", paul, ""}},
		"DESTROYED":        {{"freeze", dave, ""}, {"destroy", engine, ""}},
	},
}

// The moves as the requirements state them: state, move, new state, roles.
// Every (state, move, role) that is not here must be refused.
const queryMoves = `
SUBMITTED      analyse ANALYSED       engine
SUBMITTED      deny    DECIDED_DENY   engine
SUBMITTED      void    VOIDED         engine data_centre zone_regulator city_authority
ANALYSED       allow   DECIDED_ALLOW  engine
ANALYSED       review  DECIDED_REVIEW engine
ANALYSED       deny    DECIDED_DENY   engine
ANALYSED       void    VOIDED         engine data_centre zone_regulator city_authority
DECIDED_ALLOW  pass    APPROVED       engine
DECIDED_ALLOW  repeat  REPEATED       engine
DECIDED_ALLOW  expire  EXPIRED        engine
DECIDED_ALLOW  void    VOIDED         engine data_centre zone_regulator city_authority
DECIDED_REVIEW approve APPROVED       zone_regulator
DECIDED_REVIEW reject  DECIDED_DENY   zone_regulator
DECIDED_REVIEW repeat  REPEATED       engine
DECIDED_REVIEW expire  EXPIRED        engine
DECIDED_REVIEW void    VOIDED         engine data_centre zone_regulator city_authority
APPROVED       recheck RECHECKED      engine
APPROVED       expire  EXPIRED        engine
APPROVED       void    VOIDED         engine data_centre zone_regulator city_authority
RECHECKED      run     RUNNING        engine
RECHECKED      fail    FAILED         engine
RECHECKED      kill    KILLED         engine data_centre zone_regulator city_authority
RECHECKED      void    VOIDED         engine data_centre zone_regulator city_authority
RUNNING        finish  DONE           engine
RUNNING        fail    FAILED         engine
RUNNING        kill    KILLED         engine data_centre zone_regulator city_authority
`

const releaseMoves = `
HELD             check      CHECKED          engine
HELD             block      BLOCKED          engine
FROZEN           thaw       CHECKED          engine
HELD             freeze     FROZEN           engine data_centre zone_regulator city_authority
HELD             destroy    DESTROYED        engine data_centre
CHECKED          review     REVIEWING        engine
CHECKED          review_two REVIEWING_FIRST  engine
CHECKED          release    RELEASED         engine
CHECKED          block      BLOCKED          engine
CHECKED          freeze     FROZEN           engine data_centre zone_regulator city_authority
CHECKED          destroy    DESTROYED        engine data_centre
REVIEWING        approve    APPROVED         zone_regulator
REVIEWING        reject     BLOCKED          zone_regulator
REVIEWING        coarsen    COARSENED        zone_regulator
REVIEWING        freeze     FROZEN           engine data_centre zone_regulator city_authority
REVIEWING        destroy    DESTROYED        engine data_centre
REVIEWING_FIRST  approve    REVIEWING_SECOND zone_regulator
REVIEWING_FIRST  reject     BLOCKED          zone_regulator
REVIEWING_FIRST  coarsen    COARSENED        zone_regulator
REVIEWING_FIRST  freeze     FROZEN           engine data_centre zone_regulator city_authority
REVIEWING_FIRST  destroy    DESTROYED        engine data_centre
REVIEWING_SECOND approve    APPROVED         provider
REVIEWING_SECOND reject     BLOCKED          provider
REVIEWING_SECOND coarsen    COARSENED        provider
REVIEWING_SECOND freeze     FROZEN           engine data_centre zone_regulator city_authority
REVIEWING_SECOND destroy    DESTROYED        engine data_centre
APPROVED         release    RELEASED         engine
APPROVED         block      BLOCKED          engine
APPROVED         freeze     FROZEN           engine data_centre zone_regulator city_authority
APPROVED         destroy    DESTROYED        engine data_centre
RELEASED         download   DOWNLOADED       operator
RELEASED         recall     RECALLED         city_authority zone_regulator provider
DOWNLOADED       download   DOWNLOADED       operator
DOWNLOADED       recall     RECALLED         city_authority zone_regulator provider
FROZEN           destroy    DESTROYED        engine data_centre
BLOCKED          destroy    DESTROYED        engine data_centre
COARSENED        destroy    DESTROYED        engine data_centre
`

type triple struct {
	from workflow.State
	move string
	role string
}

func parse(table string) (allowed map[triple]workflow.State, names []string) {
	allowed = map[triple]workflow.State{}
	for line := range strings.Lines(strings.TrimSpace(table)) {
		f := strings.Fields(line)
		names = append(names, f[1])
		for _, role := range f[3:] {
			allowed[triple{workflow.State(f[0]), f[1], role}] = workflow.State(f[2])
		}
	}
	slices.Sort(names)
	return allowed, slices.Compact(names)
}

func TestEveryStateRoleAndMove(t *testing.T) {
	for _, tc := range []struct {
		machine workflow.Machine
		table   string
	}{{workflow.QueryApproval, queryMoves}, {workflow.OutputRelease, releaseMoves}} {
		m := tc.machine
		t.Run(m.Name, func(t *testing.T) {
			r := store(t)
			allowed, names := parse(tc.table)
			if len(ways[m.Name]) != len(m.States) {
				t.Fatalf("%d ways for %d states", len(ways[m.Name]), len(m.States))
			}
			for _, mv := range m.Moves {
				if !slices.Contains(names, mv.Name) {
					t.Errorf("the machine has a move %s that the requirements do not know", mv.Name)
				}
				if mv.Article == "" {
					t.Errorf("move %s cites no article", mv.Name)
				}
			}
			done := 0
			for _, from := range m.States {
				way, ok := ways[m.Name][from]
				if !ok {
					t.Fatalf("no way to %s", from)
				}
				for _, by := range everyone {
					for _, name := range names {
						want, ok := allowed[triple{from, name, by.Roles[0]}]
						try(t, r, m, "x", way, func(ctx context.Context, tx *sql.Tx) {
							in, err := workflow.Get(ctx, tx, m, "x")
							if err != nil || in.State != from {
								t.Fatalf("the way to %s leads to %s: %v", from, in.State, err)
							}
							input := "d1"
							if in.Input == "" && name != "allow" && name != "review" && name != "check" && name != "thaw" {
								input = ""
							}
							got, err := workflow.Do(ctx, tx, m, "x", name, by, at, workflow.Note{Input: input})
							switch {
							case ok && (err != nil || got != want):
								t.Errorf("%s %s by %s = %s, %v, want %s", from, name, by.Roles[0], got, err, want)
							case !ok && !errors.Is(err, workflow.ErrState) && !errors.Is(err, workflow.ErrRole):
								t.Errorf("%s %s by %s = %s, %v, want ErrState or ErrRole", from, name, by.Roles[0], got, err)
							case ok:
								done++
							}
						})
					}
				}
			}
			if done != len(allowed) {
				t.Errorf("%d moves made, want %d", done, len(allowed))
			}
		})
	}
}

func TestOnlyAnOperatorStartsAndOnlyOnce(t *testing.T) {
	r := store(t)
	for _, m := range []workflow.Machine{workflow.QueryApproval, workflow.OutputRelease} {
		for _, by := range everyone {
			err := r.Update(t.Context(), func(tx transaction) error {
				return workflow.Start(tx.ctx, tx.Tx, m, "a", by, at)
			})
			switch by.User {
			case "olga":
				if err != nil {
					t.Errorf("%s started by olga: %v", m.Name, err)
				}
			default:
				if !errors.Is(err, workflow.ErrRole) {
					t.Errorf("%s started by %s: %v, want ErrRole", m.Name, by.User, err)
				}
			}
		}
		err := r.Update(t.Context(), func(tx transaction) error {
			return workflow.Start(tx.ctx, tx.Tx, m, "a", olga, at)
		})
		if !errors.Is(err, workflow.ErrExists) {
			t.Errorf("%s started twice: %v, want ErrExists", m.Name, err)
		}
	}
}

func TestReviewersAreOthersOfTheRightOrganization(t *testing.T) {
	r := store(t)
	with := func(a workflow.Actor, user, org string) workflow.Actor { a.User, a.Org = user, org; return a }
	both := workflow.Actor{User: "zoe", Org: "health", Roles: []string{"zone_regulator", "provider"}}
	for _, tc := range []struct {
		name    string
		machine workflow.Machine
		state   workflow.State
		by      workflow.Actor
		want    error
	}{
		{"the regulator", workflow.QueryApproval, "DECIDED_REVIEW", zoe, nil},
		{"the requester under another role", workflow.QueryApproval, "DECIDED_REVIEW", with(zoe, "olga", "health"), workflow.ErrSelf},
		{"another zone's regulator", workflow.QueryApproval, "DECIDED_REVIEW", with(zoe, "zita", "transport"), workflow.ErrParty},
		{"a regulator inside the operator", workflow.QueryApproval, "DECIDED_REVIEW", with(zoe, "oscar", "medco"), workflow.ErrParty},
		{"nobody", workflow.QueryApproval, "DECIDED_REVIEW", with(zoe, "", "health"), workflow.ErrRole},
		{"the provider", workflow.OutputRelease, "REVIEWING_SECOND", paul, nil},
		{"another provider", workflow.OutputRelease, "REVIEWING_SECOND", with(paul, "pia", "clinic"), workflow.ErrParty},
		{"the first reviewer again", workflow.OutputRelease, "REVIEWING_SECOND", with(paul, "zoe", "hospital"), workflow.ErrSamePerson},
		{"the first reviewer with both roles", workflow.OutputRelease, "REVIEWING_SECOND", both, workflow.ErrParty},
		{"the requester", workflow.OutputRelease, "REVIEWING_SECOND", with(paul, "olga", "hospital"), workflow.ErrSelf},
		{"a recipient of another organization", workflow.OutputRelease, "RELEASED", with(olga, "rita", "rival"), workflow.ErrParty},
		{"a colleague downloads", workflow.OutputRelease, "RELEASED", with(olga, "oscar", "medco"), nil},
		{"recall by another provider", workflow.OutputRelease, "RELEASED", with(paul, "pia", "clinic"), workflow.ErrParty},
	} {
		t.Run(tc.name, func(t *testing.T) {
			try(t, r, tc.machine, "x", ways[tc.machine.Name][tc.state], func(ctx context.Context, tx *sql.Tx) {
				move := "approve"
				if tc.state == "RELEASED" {
					move = "download"
					if tc.by.Roles[0] == "provider" {
						move = "recall"
					}
				}
				if _, err := workflow.Do(ctx, tx, tc.machine, "x", move, tc.by, at, workflow.Note{}); !errors.Is(err, tc.want) {
					t.Errorf("%s = %v, want %v", move, err, tc.want)
				}
			})
		})
	}
	// Parties of one organization in both roles: the second person is still
	// refused as of the same organization.
	err := r.Update(t.Context(), func(tx transaction) error {
		ctx, q, m := tx.ctx, tx.Tx, workflow.OutputRelease
		if err := workflow.Start(ctx, q, m, "y", olga, at, workflow.Party{Role: "zone_regulator", Org: "health"}, workflow.Party{Role: "provider", Org: "health"},
			workflow.Party{Role: "provider", Org: "medco"}); err != nil {
			return err
		}
		for _, s := range ways["release"]["REVIEWING_SECOND"] {
			if _, err := workflow.Do(ctx, q, m, "y", s.move, s.by, at, workflow.Note{Input: s.input}); err != nil {
				return err
			}
		}
		for _, by := range []workflow.Actor{with(paul, "pam", "health"), with(paul, "oscar", "medco")} {
			if _, err := workflow.Do(ctx, q, m, "y", "approve", by, at, workflow.Note{}); !errors.Is(err, workflow.ErrSameOrg) {
				t.Errorf("approve by %s of %s = %v, want ErrSameOrg", by.User, by.Org, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnApprovalBindsItsInputAndEnds(t *testing.T) {
	r := store(t)
	m := workflow.QueryApproval
	until := at.Add(time.Hour)
	for _, tc := range []struct {
		name    string
		approve workflow.Note
		recheck workflow.Note
		at      time.Time
		want    error
	}{
		{"what was approved, in time", workflow.Note{Input: "d1"}, workflow.Note{Input: "d1"}, until.Add(-1), nil},
		{"approved without looking at the digest", workflow.Note{}, workflow.Note{Input: "d1"}, at, nil},
		{"another input runs", workflow.Note{}, workflow.Note{Input: "d2"}, at, workflow.ErrInput},
		{"no input runs", workflow.Note{}, workflow.Note{}, at, workflow.ErrInput},
		{"too late", workflow.Note{}, workflow.Note{Input: "d1"}, until, workflow.ErrExpired},
		{"the reviewer saw another input", workflow.Note{Input: "d2"}, workflow.Note{Input: "d1"}, at, workflow.ErrInput},
	} {
		t.Run(tc.name, func(t *testing.T) {
			try(t, r, m, "x", ways["query"]["ANALYSED"], func(ctx context.Context, tx *sql.Tx) {
				if _, err := workflow.Do(ctx, tx, m, "x", "review", engine, at, workflow.Note{}); !errors.Is(err, workflow.ErrInput) {
					t.Errorf("review that binds nothing = %v, want ErrInput", err)
				}
				if _, err := workflow.Do(ctx, tx, m, "x", "review", engine, at, workflow.Note{Input: "d1", Until: until}); err != nil {
					t.Fatal(err)
				}
				_, err := workflow.Do(ctx, tx, m, "x", "approve", zoe, at, tc.approve)
				if err == nil {
					_, err = workflow.Do(ctx, tx, m, "x", "recheck", engine, tc.at, tc.recheck)
				}
				if !errors.Is(err, tc.want) {
					t.Errorf("recheck = %v, want %v", err, tc.want)
				}
			})
		})
	}
}

func TestTwoResumesGiveOneRun(t *testing.T) {
	r := store(t)
	m := workflow.QueryApproval
	for round := range 20 {
		id := "run-" + string(rune('a'+round))
		err := r.Update(t.Context(), func(tx transaction) error {
			if err := workflow.Start(tx.ctx, tx.Tx, m, id, olga, at, parties...); err != nil {
				return err
			}
			for _, s := range ways["query"]["APPROVED"] {
				if _, err := workflow.Do(tx.ctx, tx.Tx, m, id, s.move, s.by, at, workflow.Note{Input: s.input}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		results := make([]error, 4)
		for i := range results {
			wg.Go(func() {
				results[i] = r.Update(t.Context(), func(tx transaction) error {
					_, err := workflow.Do(tx.ctx, tx.Tx, m, id, "recheck", engine, at, workflow.Note{Input: "d1"})
					return err
				})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range results {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, workflow.ErrState):
				t.Errorf("the loser got %v, want ErrState", err)
			}
		}
		if won != 1 {
			t.Fatalf("%d of %d resumes got a run, want 1", won, len(results))
		}
		in := get(t, r, m, id)
		if n := len(in.History); in.State != workflow.Rechecked || n != 4 {
			t.Fatalf("state %s after %d moves, want RECHECKED after 4", in.State, n)
		}
	}
}

func get(t *testing.T, r database, m workflow.Machine, id string) workflow.Instance {
	t.Helper()
	in, err := workflow.Get(t.Context(), r, m, id)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestHistoryAndQueue(t *testing.T) {
	r := store(t)
	m := workflow.QueryApproval
	err := r.Update(t.Context(), func(tx transaction) error {
		for i, id := range []string{"second", "first", "denied"} {
			if err := workflow.Start(tx.ctx, tx.Tx, m, id, olga, at.Add(time.Duration(2-i)*time.Second), parties...); err != nil {
				return err
			}
			move, note := "analyse", workflow.Note{}
			if id == "denied" {
				move, note = "deny", workflow.Note{Code: "SQL_SYNTAX", Text: []byte("sealed")}
			}
			if _, err := workflow.Do(tx.ctx, tx.Tx, m, id, move, engine, at.Add(time.Minute), note); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	queue := func(states ...workflow.State) (ids []string) {
		all, err := workflow.Queue(t.Context(), r, m, states...)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range all {
			ids = append(ids, in.ID)
		}
		return ids
	}
	if got, want := queue(workflow.Analysed), []string{"first", "second"}; !slices.Equal(got, want) {
		t.Errorf("Queue(ANALYSED) = %v, want %v", got, want)
	}
	if got, want := queue(), []string{"denied", "first", "second"}; !slices.Equal(got, want) {
		t.Errorf("Queue() = %v, want %v", got, want)
	}
	in := get(t, r, m, "denied")
	if in.Requester != "olga" || in.RequesterOrg != "medco" || !in.StartedAt.Equal(at) || !in.MovedAt.Equal(at.Add(time.Minute)) || len(in.Parties) != 2 {
		t.Errorf("instance = %+v", in)
	}
	h := in.History[0]
	if h.Move != "deny" || h.From != "SUBMITTED" || h.To != "DECIDED_DENY" || h.User != "engine" || h.Role != "engine" || h.Code != "SQL_SYNTAX" || string(h.Text) != "sealed" {
		t.Errorf("step = %+v", h)
	}
	err = r.Update(t.Context(), func(tx transaction) error {
		_, err := workflow.Do(tx.ctx, tx.Tx, m, "nothing", "deny", engine, at, workflow.Note{})
		return err
	})
	if !errors.Is(err, workflow.ErrNotFound) || workflow.Code(err) != "WF_NOT_FOUND" {
		t.Errorf("Do on nothing = %v, code %q", err, workflow.Code(err))
	}
}

func TestNoStateStartsOneMoveTwice(t *testing.T) {
	for _, m := range []workflow.Machine{workflow.QueryApproval, workflow.OutputRelease} {
		seen := map[string]bool{}
		for _, mv := range m.Moves {
			for _, s := range mv.From {
				if key := mv.Name + " from " + string(s); seen[key] {
					t.Errorf("%s: %s stands twice", m.Name, key)
				} else {
					seen[key] = true
				}
			}
			for _, s := range append(slices.Clone(mv.From), mv.To) {
				if !slices.Contains(m.States, s) {
					t.Errorf("%s: move %s names the unknown state %s", m.Name, mv.Name, s)
				}
			}
		}
	}
}

// TestWhatWasStartedIsCountedFromAnIndex: each question counts what its organization
// started lately, so that it is not to read all there ever was.
func TestWhatWasStartedIsCountedFromAnIndex(t *testing.T) {
	d := store(t)
	for where, want := range map[string]string{
		`machine = 'm' AND requester_org = 'a' AND started_at > 1`: "SEARCH workflow_instances USING COVERING INDEX workflow_started (machine=? AND requester_org=? AND started_at>?)",
		`input = 'a'`: "SCAN workflow_instances",
	} {
		var id, parent, other int
		var plan string
		if err := d.QueryRow(`EXPLAIN QUERY PLAN SELECT count(*) FROM workflow_instances WHERE `+where).Scan(&id, &parent, &other, &plan); err != nil || plan != want {
			t.Errorf("where %s: %q, %v; want %q", where, plan, err, want)
		}
	}
}
