package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"zonebox/api"
	"zonebox/query"
)

// waiting is what query does with a question that it handed in.
type waiting struct {
	no, json bool   // json prints the id of what is handed in only as JSON
	id, stop string // of one that was handed in before
	key      string
}

func (w *waiting) flags(a *app, c *cobra.Command) {
	c.Flags().BoolVar(&w.no, "no-wait", false, a.say("只提交,打印其编号", "hand in only, and print the id"))
	c.Flags().StringVar(&w.id, "wait", "", a.say("等候并领取此前提交的查询", "wait for, and collect, what was handed in before"))
	c.Flags().StringVar(&w.stop, "cancel", "", a.say("终止此前提交的查询", "end what was handed in before"))
	c.Flags().StringVar(&w.key, "key", "", a.say("幂等键:同键同问只提交一次;缺省每次不同", "idempotency key: the same question under it is handed in once; another each time by default"))
}

// waitFlags refuses a question beside one that was handed in.
func (a *app) waitFlags(r api.QueryRequest, w waiting) error {
	given := 0
	for _, is := range []bool{w.id != "", w.stop != "", w.no, w.key != ""} {
		if is {
			given++
		}
	}
	asks := r.SQL != "" || r.Template != "" || r.Resume != "" || r.Scenario != "" || r.Purpose != "" || r.Recipient != "" || r.Form != ""
	if w.id+w.stop != "" && (asks || given > 1) {
		return usageError{errors.New(a.say("--wait 与 --cancel 不能与其他参数同用", "--wait and --cancel go with nothing else"))}
	}
	return nil
}

// asked returns the sealed answer of a question and its run; no file if there is nothing
// to wait for.
func (a *app) asked(ctx context.Context, client *api.Client, r api.QueryRequest, w waiting) (file []byte, run string, err error) {
	if w.stop != "" {
		return nil, "", a.calledOff(ctx, client, w.stop)
	}
	id := w.id
	if id == "" {
		if w.key == "" {
			w.key = rand.Text()
		}
		s, err := client.Submit(ctx, w.key, r)
		if err != nil {
			return nil, "", err
		}
		id = s.ID
	}
	if w.no {
		if a.json || w.json {
			fmt.Fprint(a.stdout, jsonLine(map[string]string{"submission": id}))
		} else {
			fmt.Fprintln(a.stdout, id)
		}
		return nil, "", nil
	}
	s, err := a.followed(ctx, client, id)
	if err == nil && s.Problem != nil {
		return nil, "", s.Problem
	}
	if err == nil {
		file, run, err = client.Collect(ctx, id)
	}
	if err != nil {
		return nil, "", left(ctx, id, err)
	}
	return file, run, nil
}

// calledOff ends a question and says how it ended.
func (a *app) calledOff(ctx context.Context, client *api.Client, id string) error {
	if _, err := client.CallOff(ctx, id); err != nil {
		return err
	}
	s, err := client.Follow(ctx, id, nil)
	if err != nil {
		return left(ctx, id, err)
	}
	end := a.say("已有结果", "answered")
	if s.Problem != nil {
		end = s.Problem.Code
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", s.ID, end)
	return nil
}

// leftRunning is why somebody waits no more for a question that was handed in, and of
// which that says nothing: it goes on, or will.
type leftRunning struct {
	id    string
	cause error
}

// left returns err, as leftRunning unless it says what became of the question.
func left(ctx context.Context, id string, err error) error {
	if ctx.Err() != nil {
		return leftRunning{id, ctx.Err()}
	}
	p, ok := errors.AsType[*api.Problem](err)
	if ok && p.Code != "POSTPONED" && p.Code != "STOPPING" && p.Class != string(query.ClassFailure) {
		return err
	}
	return leftRunning{id, err}
}

func (e leftRunning) Error() string {
	return "zonebox: the wait for " + e.id + " ended: " + e.cause.Error()
}

func (e leftRunning) problem(a *app) *api.Problem {
	out := api.Problem{Code: "INTERRUPTED", Class: classInterrupted, Detail: a.say("已停止等候", "the wait ended")}
	if !errors.Is(e.cause, context.Canceled) {
		p, _ := a.problem(e.cause)
		out = *p
	}
	out.Detail = fmt.Sprintf(a.say("%s;已提交的 %s 不因此终止", "%s; %s, which was handed in, does not end with it"), out.Detail, e.id)
	out.Hint = fmt.Sprintf(a.say("以 query --wait %[1]s 领取,或以 query --cancel %[1]s 终止", "collect it with query --wait %[1]s, or end it with query --cancel %[1]s"), e.id)
	return &out
}

// patienceOfPeople is how long nothing is shown of a question that is on its way.
const patienceOfPeople = time.Second

// followed waits for the end of a submission. On a terminal it shows, on a line that
// changes, the place in the queue or the step.
func (a *app) followed(ctx context.Context, client *api.Client, id string) (api.Submission, error) {
	f, ok := a.stderr.(*os.File)
	if !ok || a.json || !term.IsTerminal(int(f.Fd())) {
		return client.Follow(ctx, id, nil)
	}
	width := 80
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		width = w
	}
	states, drawn := make(chan api.Submission, 1), make(chan struct{})
	go func() {
		defer close(drawn)
		began, line := time.Now(), ""
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for turn := 0; ; turn++ {
			select {
			case s, more := <-states:
				if !more {
					fmt.Fprint(f, "\r\x1b[K")
					return
				}
				line = a.standingOf(s)
			case <-tick.C:
			}
			if took := time.Since(began); took > patienceOfPeople {
				shown := fmt.Sprintf("%c %s  %s", []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[turn%10], line, took.Round(time.Second))
				fmt.Fprint(f, "\r\x1b[K"+text.Trim(shown, width-1))
			}
		}
	}()
	defer func() { close(states); <-drawn }()
	return client.Follow(ctx, id, func(s api.Submission) { states <- s })
}

// standingOf says in one line how a submission stands.
func (a *app) standingOf(s api.Submission) string {
	switch {
	case s.State == query.SubmissionWaiting:
		return fmt.Sprintf(a.say("排队第 %d,本单位在执行 %d", "waits, place %d; %d of your organization run"), s.Place, s.Running)
	case s.Step == query.StepDecide:
		return a.say("裁决", "deciding")
	}
	return a.say("执行", "running")
}
