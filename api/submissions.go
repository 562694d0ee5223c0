package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"zonebox/query"
)

// SubmissionRequest hands a question in. Key is the sender's own name for it: the same
// question again under the same key is the submission that there is.
type SubmissionRequest struct {
	Key string `json:"key" doc:"1 to 64 letters, digits, - or _"`
	QueryRequest
}

// Submission is a question that was handed in, as its sender sees it.
type Submission struct {
	ID        string     `json:"id"`
	Run       string     `json:"run"`
	State     string     `json:"state" doc:"WAITING, RUNNING or ENDED"`
	Place     int        `json:"place,omitempty" doc:"among those of the sender's organization that wait, from 1"`
	Running   int        `json:"running,omitempty" doc:"how many of the sender's organization run while it waits"`
	Step      string     `json:"step,omitempty" doc:"of one that runs: decide or run"`
	Submitted time.Time  `json:"submitted"`
	Ended     *time.Time `json:"ended,omitempty"`
	Answered  string     `json:"answered,omitempty" doc:"the run whose answer may be collected"`
	Problem   *Problem   `json:"problem,omitempty" doc:"why there is no answer"`
}

// Over reports whether the submission has ended.
func (s Submission) Over() bool { return s.Ended != nil }

func (c call) submission(v *query.Submission, err error) (*Submission, error) {
	if err != nil {
		return nil, err
	}
	out := &Submission{ID: v.ID, Run: v.Run, State: v.State, Place: v.Place, Running: v.Running, Step: v.Step, Submitted: v.Submitted, Ended: v.Ended, Answered: v.Answered}
	if v.Failed != nil {
		out.Problem = NewProblem(v.Failed, language(c.Context))
	}
	return out, nil
}

// submissions are questions that are asked whether or not their sender waits.
func submissions(a huma.API, e *query.Engine) {
	add(a, "POST", "/submissions", "提交查询,即刻返回 / hand a question in, and return at once", func(c call, in *body[SubmissionRequest]) (*Submission, error) {
		return c.submission(e.Submit(c.Request.Context(), c.subject, in.Body.Key, in.Body.request(c.subject)))
	})
	add(a, "GET", "/submissions/{id}", "提交的进展或结局 / how a submission stands, or ended", func(c call, _ *nothing) (*Submission, error) {
		return c.submission(e.SubmissionByID(c.Request.Context(), c.subject, c.named(0)))
	})
	add(a, "DELETE", "/submissions/{id}", "取消提交 / call a submission off", func(c call, _ *nothing) (*Submission, error) {
		return c.submission(e.CallOff(c.Request.Context(), c.subject, c.named(0)))
	})
	sealed(a, describe("GET", "/submissions/{id}/answer", "领取密封的结果 / collect the sealed artifact"), func(c call, _ *nothing) (*query.Answer, error) {
		return e.Collect(c.Request.Context(), c.subject, c.named(0))
	})
	events(a, e, "/submissions/{id}/events", "提交的进展(SSE) / how a submission stands, as events", "submission", func(ctx context.Context, c call) (*Submission, <-chan struct{}, error) {
		v, moved, err := e.WatchSubmission(ctx, c.subject, c.named(0))
		s, err := c.submission(v, err)
		return s, moved, err
	})
}
