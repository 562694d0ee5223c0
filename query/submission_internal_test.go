package query

import (
	"context"
	"errors"
	"testing"
	"time"

	"zonebox/registry"
)

// handedIn enters a submission of a person of an organization at an instant.
func handedIn(b *submissions, org, user string, at time.Time) (*submission, error) {
	s := &submission{operator: org, subject: Subject{user: user, organization: org}, kept: registry.Submission{ID: org + user}}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, b.enter(s, at)
}

// What one organization has under way changes nothing of what another is told.
func TestAPlaceCountsOnesOwnOrganizationAlone(t *testing.T) {
	b := newSubmissions(Limits{Operator: 4, Queue: 4, Person: 8, Submissions: 100}, newAdmission(Limits{}))
	at := time.Unix(600, 0)
	var mine, others []*submission
	for range 3 {
		m, err := handedIn(b, "a", "x", at)
		o, err2 := handedIn(b, "b", "y", at)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		mine, others = append(mine, m), append(others, o)
	}
	others[0].steps(StepRun)
	check := func(s *submission, state string, place, running int) {
		t.Helper()
		if v, _ := b.view(s); v.State != state || v.Place != place || v.Running != running {
			t.Errorf("%s, place %d, %d run; want %s, place %d, %d run", v.State, v.Place, v.Running, state, place, running)
		}
	}
	check(mine[2], SubmissionWaiting, 3, 0)
	mine[0].steps(StepDecide)
	check(mine[0], SubmissionRunning, 0, 0)
	check(mine[1], SubmissionWaiting, 1, 1)
	check(mine[2], SubmissionWaiting, 2, 1)
	b.leave(others[1])
	check(mine[2], SubmissionWaiting, 2, 1)
	b.leave(mine[1])
	check(mine[2], SubmissionWaiting, 1, 1)
	if b.find("y", "ax") != nil || b.find("x", "ax") == nil {
		t.Error("a submission is found by another than whose it is, or not by them")
	}
}

func TestNobodyHasAllPlacesAndNoMinuteHasMoreThanItsFill(t *testing.T) {
	b := newSubmissions(Limits{Operator: 1, Queue: 3, Person: 2, Submissions: 6}, newAdmission(Limits{}))
	at := time.Unix(600, 0)
	enter := func(org, user, want string, at time.Time) *submission {
		t.Helper()
		s, err := handedIn(b, org, user, at)
		code := ""
		if err != nil {
			code = asError(err).Code
		}
		if code != want {
			t.Errorf("%s of %s gets %q, want %q", user, org, code, want)
		}
		return s
	}
	first := enter("a", "x", "", at)
	enter("a", "x", "", at)
	enter("a", "x", "BUSY", at) // two are one person's
	enter("a", "z", "", at)
	enter("a", "z", "", at)
	enter("a", "w", "BUSY", at) // four are the operator's
	enter("b", "y", "", at)
	b.leave(first)
	b.leave(enter("a", "x", "", at))
	enter("a", "x", "SUBMIT_RATE", at) // the fourth of a person, whom half of a minute is for
	b.leave(enter("a", "w", "", at))
	enter("a", "w", "SUBMIT_RATE", at) // the seventh of the operator
	enter("b", "y", "", at)            // another's minute
	enter("a", "x", "", at.Add(time.Minute))
	b.turns.close()
	enter("c", "v", "STOPPING", at.Add(time.Hour))
}

// Turns come in the order of handing in, however long each takes to come so far. One that
// ends before it has a place holds up nobody, nor does another operator's.
func TestTurnsComeInTheOrderOfHandingIn(t *testing.T) {
	b := newSubmissions(Limits{Operator: 8, Queue: 8, Person: 8, Submissions: 100}, newAdmission(Limits{}))
	at := time.Unix(600, 0)
	var s []*submission
	for _, org := range []string{"a", "a", "a", "b"} {
		next, err := handedIn(b, org, "x", at)
		if err != nil {
			t.Fatal(err)
		}
		s = append(s, next)
	}
	s[3].behind(t.Context()) // at once
	s[0].behind(t.Context())
	order := make(chan int, 3)
	done := make(chan bool, 2)
	go func() { s[2].behind(t.Context()); order <- 2; s[2].placed(); done <- true }()
	go func() { s[1].behind(t.Context()); order <- 1; b.leave(s[1]); done <- true }()
	time.Sleep(20 * time.Millisecond)
	order <- 0
	s[0].placed()
	s[0].placed() // a second time is none
	<-done
	<-done
	for want := range 3 {
		if got := <-order; got != want {
			t.Errorf("submission %d is %d. in its queue", got, want)
		}
	}
}

func TestAPersonFollowsSixteenAtOnce(t *testing.T) {
	b := newSubmissions(Limits{}, newAdmission(Limits{}))
	var end func()
	for range 16 {
		next, err := b.watch("x")
		if err != nil {
			t.Fatal(err)
		}
		end = next
	}
	if _, err := b.watch("x"); err == nil || asError(err).Code != "BAD_REQUEST" {
		t.Errorf("the seventeenth stream is %v", err)
	}
	if _, err := b.watch("y"); err != nil {
		t.Errorf("another's is %v", err)
	}
	end()
	if _, err := b.watch("x"); err != nil {
		t.Errorf("after an end it is %v", err)
	}
}
