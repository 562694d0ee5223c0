package query

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"zonebox/registry"
)

// States of a submission.
const (
	SubmissionWaiting = "WAITING" // for its turn; it is durable, and outlives the gate
	SubmissionRunning = "RUNNING"
	SubmissionEnded   = "ENDED"
)

// Steps of a submission that runs, in their order.
const (
	StepDecide = "decide" // no row is read
	StepRun    = "run"    // its intent is durable; rows are read, and what leaves is judged and sealed
)

// Submission is a question that was handed in, as the person who asks sees it, and
// nobody else.
//
// What it tells while it goes on tells nothing of rows, and of others as much as having
// to wait does: Place and Running count questions of the person's own organization alone,
// those of partners of one operator apart though they share its turns; how many of others
// run or wait is never told. Steps are two. Deciding reads what an explain reads, and
// takes as long as one does; all that touches rows is one step, whose end is the answer,
// so that when it began and ended says no more than how long the answer took. How many
// rows were read or passed is no progress to tell: it is a figure of the data.
type Submission struct {
	ID        string
	Run       string
	State     string
	Place     int    // of one that waits, from 1
	Running   int    // questions of the organization that run, while it waits
	Step      string // of one that runs
	Submitted time.Time
	Ended     *time.Time
	// Answered is the run whose answer Collect gives; empty if there is none.
	Answered string
	Failed   *Error // why there is none
}

// submissions are those under way in this process, and how many came lately. It is safe
// for concurrent use.
type submissions struct {
	all, person       int // at once, under one operator's licenses and of one person
	minutes, personal int // in one minute, likewise

	turns *admission // that they wait for: with the last of them the gate stops

	mu       sync.Mutex
	live     []*submission // in the order they came
	minute   int64         // since 1970, of came
	came     map[[2]string]int
	watching map[string]int // streams, by person
}

// streamsEach is how many streams of one person go on at once.
const streamsEach = 16

// submission is one that is under way.
type submission struct {
	of      *submissions
	kept    registry.Submission
	subject Subject
	request Request
	ctx     context.Context
	cancel  context.CancelCauseFunc

	again bool // an earlier gate had it
	began bool // and this one began with it, which is noted; the run's alone

	operator string        // in whose turns it runs
	before   chan struct{} // of the one of that operator that came before, its queued; nil of the first

	step   string        // empty while it waits; guarded by of.mu, as are moved and queued
	moved  chan struct{} // closed at its next step or its end
	queued chan struct{} // closed once it has its place among the operator's, or ended without one
}

func newSubmissions(l Limits, turns *admission) *submissions {
	return &submissions{turns: turns, all: l.Operator + l.Queue, person: l.Person, minutes: l.Submissions, personal: (l.Submissions + 1) / 2,
		came: map[[2]string]int{}, watching: map[string]int{}}
}

// enter takes a place for a submission, which leave gives back, and counts it. One that
// finds none changes nothing.
func (b *submissions) enter(s *submission, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.turns.ended() {
		return fail("STOPPING", errStopped)
	}
	org, user := [2]string{"operator", s.operator}, [2]string{"person", s.subject.user}
	if minute := now.Unix() / minuteSeconds; minute != b.minute {
		b.minute = minute
		clear(b.came)
	}
	ofOrg, ofPerson := 0, 0
	for _, o := range b.live {
		if o.operator == s.operator {
			ofOrg++
		}
		if o.subject.user == s.subject.user {
			ofPerson++
		}
	}
	switch {
	case b.came[org] >= b.minutes, b.came[user] >= b.personal:
		return fail("SUBMIT_RATE", nil)
	case ofPerson >= b.person && ofOrg < b.all:
		return fail("BUSY", errQueueFull).because("本人在途的查询已达上限", "so many questions of one person are under way")
	case ofOrg >= b.all:
		return fail("BUSY", errQueueFull)
	}
	b.came[org]++
	b.came[user]++
	b.add(s)
	return nil
}

// again is enter for one that was submitted to an earlier gate, and has its place.
func (b *submissions) again(s *submission) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(s)
}

// add puts a submission behind the others. The caller holds b.mu.
func (b *submissions) add(s *submission) {
	s.of, s.moved, s.queued = b, make(chan struct{}), make(chan struct{})
	for _, o := range slices.Backward(b.live) {
		if o.operator == s.operator {
			s.before = o.queued
			break
		}
	}
	b.live = append(b.live, s)
}

// behind waits until whatever of the operator was handed in before has its place among
// what waits, so that turns come in the order of handing in. Of nil nothing is before.
func (s *submission) behind(ctx context.Context) {
	if s == nil || s.before == nil {
		return
	}
	select {
	case <-s.before:
	case <-ctx.Done():
	}
}

// placed says that it has its place, or needs none any more.
func (s *submission) placed() {
	if s == nil {
		return
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.place()
}

// place is placed for a caller that holds of.mu.
func (s *submission) place() {
	select {
	case <-s.queued:
	default:
		close(s.queued)
	}
}

// leave ends a submission's place, and tells whoever follows it.
func (b *submissions) leave(s *submission) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live = slices.DeleteFunc(b.live, func(o *submission) bool { return o == s })
	s.place()
	close(s.moved)
}

// revoke ends what was handed in by an API key.
func (b *submissions) revoke(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.live {
		if s.kept.APIKey == key {
			s.cancel(&revoked{keyRef(key)})
		}
	}
}

// keyRef names an API key where a document is named that a run stood on.
func keyRef(id string) registry.Ref { return registry.Ref{Kind: "apikey", Name: id} }

// watch takes a place for a stream of a person, which the caller ends, once.
func (b *submissions) watch(user string) (end func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watching[user] >= streamsEach {
		return nil, fail("BAD_REQUEST", nil).because("同时至多 16 个进展流", "at most 16 streams of one person at once")
	}
	b.watching[user]++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.watching[user]--; b.watching[user] == 0 {
			delete(b.watching, user)
		}
	}, nil
}

// steps says what a submission does from now on. Of nil, which is a question that was
// not handed in, nobody is told.
func (s *submission) steps(name string) {
	if s == nil {
		return
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.step = name
	close(s.moved)
	s.moved = make(chan struct{})
}

// find returns the submission of that id of a person, and nil if none is under way.
func (b *submissions) find(user, id string) *submission {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.live, func(s *submission) bool { return s.kept.ID == id && s.subject.user == user })
	if i < 0 {
		return nil
	}
	return b.live[i]
}

// view returns how a submission that is under way stands, and what its next step closes.
func (b *submissions) view(s *submission) (Submission, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := Submission{ID: s.kept.ID, Run: s.kept.Run, Submitted: s.kept.CreatedAt.Truncate(time.Second), State: SubmissionRunning, Step: s.step}
	if s.step != "" {
		return v, s.moved
	}
	v.State, v.Place = SubmissionWaiting, 1
	before := true
	for _, o := range b.live {
		switch {
		case o == s:
			before = false
		case o.subject.organization != s.subject.organization:
		case o.step != "":
			v.Running++
		case before:
			v.Place++
		}
	}
	return v, s.moved
}

// postponed reports whether it ends so because the gate stops: nobody called it off, and
// nothing that it stands on was revoked. What of it is not durable is asked by the next
// gate. A question that was not handed in never is.
func (s *submission) postponed(why *Error) bool {
	if s == nil || s.ctx.Err() != nil || why.Code != "STOPPED" && why.Code != "STOPPING" {
		return false
	}
	if _, ended := errors.AsType[*revoked](why); ended {
		return false
	}
	return s.of.turns.ended()
}

// underWay is how many have not ended.
func (b *submissions) underWay() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.live)
}
