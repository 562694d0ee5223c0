package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Submit hands a question in under a key of the client's own.
func (c *Client) Submit(ctx context.Context, key string, req QueryRequest) (Submission, error) {
	return get[Submission](ctx, c, http.MethodPost, "/v1/submissions", SubmissionRequest{Key: key, QueryRequest: req})
}

// Submission returns how a submission stands.
func (c *Client) Submission(ctx context.Context, id string) (Submission, error) {
	return get[Submission](ctx, c, http.MethodGet, "/v1/submissions/"+url.PathEscape(id), nil)
}

// CallOff ends a submission.
func (c *Client) CallOff(ctx context.Context, id string) (Submission, error) {
	return get[Submission](ctx, c, http.MethodDelete, "/v1/submissions/"+url.PathEscape(id), nil)
}

// Collect returns the sealed artifact of a submission that was answered, and its run.
func (c *Client) Collect(ctx context.Context, id string) (artifact []byte, run string, err error) {
	body, head, err := c.call(ctx, http.MethodGet, "/v1/submissions/"+url.PathEscape(id)+"/answer", nil)
	if err != nil {
		return nil, "", err
	}
	return body, head.Get(headerRun), nil
}

// Follow returns a submission once it has ended. seen, if it is not nil, is told how it
// stands, each time that changes. A stream that breaks off is taken up again while the
// gate can be reached.
func (c *Client) Follow(ctx context.Context, id string, seen func(Submission)) (end Submission, err error) {
	last := ""
	for {
		err = c.events(ctx, "/v1/submissions/"+url.PathEscape(id)+"/events", last, func(event, text string) error {
			if end, err = decode[Submission]([]byte(text)); err != nil {
				return err
			}
			if last = event; seen != nil {
				seen(end)
			}
			return nil
		})
		if end.Over() || err != nil {
			return end, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return end, ctx.Err()
		}
	}
}

// events reads a stream of the gate until it ends.
func (c *Client) events(ctx context.Context, uri, last string, each func(id, data string) error) error {
	res, err := c.do(ctx, http.MethodGet, uri, emptyDigest, http.NoBody, 0, http.Header{"Last-Event-Id": {last}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		_, err := answered(res)
		return err
	}
	if is := res.Header.Get("Content-Type"); is != eventsType {
		return fmt.Errorf("api: the gate answered %q, not events", is)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxBody)
	id, event, data := "", "", ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			data = value
		case "":
			if data != "" && event == "problem" {
				p, err := decode[*Problem]([]byte(data))
				if err != nil {
					return err
				}
				return p
			}
			if data != "" {
				if err := each(id, data); err != nil {
					return err
				}
			}
			event, data = "", ""
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) || ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil // it may have broken off
}
