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

const eventsType = "text/event-stream"

const (
	// heartbeat is how often a stream says that it is there.
	heartbeat = 15 * time.Second
	// look is how often a stream looks at what tells of no change itself.
	look = time.Second
	// longest is how long a stream goes on: whoever follows for longer signs again.
	longest = 15 * time.Minute
)

// ending is what goes on and ends.
type ending interface{ Over() bool }

// watch returns how something stands that a request names, and what is closed when that
// changes, or nil. It is asked anew each time, for what its sender may see may change.
type watch[T ending] func(ctx context.Context, c call) (now T, moved <-chan struct{}, err error)

// events declares the stream of what goes on: how it stands now, then each time that
// changes, and its end last, or why it is not told any more. An event's id is the digest
// of what it says, so that one who comes back with it, to whichever gate, is told what has
// changed since.
func events[T ending](a huma.API, e *query.Engine, uri, does, kind string, see watch[T]) {
	type since struct {
		Last string `header:"Last-Event-ID" doc:"the last event that was seen"`
	}
	op := describe("GET", uri, does)
	op.Responses = map[string]*huma.Response{"200": {Description: "events of type " + kind + ", the last of one that has ended; or one of type problem at last", Content: map[string]*huma.MediaType{eventsType: {}}}}
	huma.Register(a, op, func(ctx context.Context, in *since) (*huma.StreamResponse, error) {
		c, err := callOf(ctx)
		if err != nil {
			return nil, err
		}
		if _, _, err := see(ctx, c); err != nil {
			return nil, c.server.problem(c.Context, err)
		}
		end, err := e.Watching(c.subject)
		if err != nil {
			return nil, c.server.problem(c.Context, err)
		}
		return &huma.StreamResponse{Body: func(huma.Context) {
			defer end()
			follow(ctx, c, e, kind, in.Last, see)
		}}, nil
	})
}

// follow writes the events of what the path names.
func follow[T ending](ctx context.Context, c call, e *query.Engine, kind, last string, see watch[T]) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	c.Header("Content-Type", eventsType)
	c.Header("X-Accel-Buffering", "no") // a proxy that collects tells nothing until the end
	c.Writer.WriteHeader(http.StatusOK)
	tick, beat := time.NewTicker(look), time.NewTicker(heartbeat)
	defer tick.Stop()
	defer beat.Stop()
	for {
		s, moved, err := see(ctx, c)
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
			if _, err := fmt.Fprintf(c.Writer, "id: %s\nevent: %s\ndata: %s\n\n", id, kind, text); err != nil {
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
