package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
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
	events(a, e)
}

const eventsType = "text/event-stream"

const (
	// heartbeat is how often a stream says that it is there.
	heartbeat = 15 * time.Second
	// look is how often a stream looks at the place of what waits.
	look = time.Second
	// longest is how long a stream goes on: whoever follows for longer signs again.
	longest = 15 * time.Minute
)

// events declares the stream of a submission: how it stands now, then each time that
// changes, and its end last, or why it is not told any more. An event's id is the digest of what it says, so that one who
// comes back with it, to whichever gate, is told what has changed since.
func events(a huma.API, e *query.Engine) {
	type since struct {
		Last string `header:"Last-Event-ID" doc:"the last event that was seen"`
	}
	op := describe("GET", "/submissions/{id}/events", "提交的进展(SSE) / how a submission stands, as events")
	op.Responses = map[string]*huma.Response{"200": {Description: "events of type submission, the last of one that has ended; or one of type problem at last", Content: map[string]*huma.MediaType{eventsType: {}}}}
	huma.Register(a, op, func(ctx context.Context, in *since) (*huma.StreamResponse, error) {
		c, err := callOf(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := e.SubmissionByID(ctx, c.subject, c.named(0)); err != nil {
			return nil, c.server.problem(c.Context, err)
		}
		end, err := e.Watching(c.subject)
		if err != nil {
			return nil, c.server.problem(c.Context, err)
		}
		return &huma.StreamResponse{Body: func(huma.Context) {
			defer end()
			c.follow(ctx, e, in.Last)
		}}, nil
	})
}

// follow writes the events of the submission that the path names.
func (c call) follow(ctx context.Context, e *query.Engine, last string) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	c.Header("Content-Type", eventsType)
	c.Header("X-Accel-Buffering", "no") // a proxy that collects tells nothing until the end
	c.Writer.WriteHeader(http.StatusOK)
	tick, beat := time.NewTicker(look), time.NewTicker(heartbeat)
	defer tick.Stop()
	defer beat.Stop()
	for {
		v, moved, err := e.WatchSubmission(ctx, c.subject, c.named(0))
		s, err := c.submission(v, err)
		if err != nil { // as that the gate stops
			p, _ := json.Marshal(NewProblem(e.Told(err), language(c.Context)))
			_, _ = fmt.Fprintf(c.Writer, "event: problem\ndata: %s\n\n", p) // to whoever has gone
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			return
		}
		if id := eventID(text); id != last {
			if _, err := fmt.Fprintf(c.Writer, "id: %s\nevent: submission\ndata: %s\n\n", id, text); err != nil {
				return
			}
			last = id
		}
		c.Writer.Flush()
		if s.Over() {
			return
		}
		select {
		case <-moved:
		case <-tick.C:
		case <-beat.C:
			if _, err := c.Writer.Write([]byte(": \n\n")); err != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func eventID(text []byte) string {
	sum := sha256.Sum256(bytes.TrimSpace(text))
	return hex.EncodeToString(sum[:8])
}
