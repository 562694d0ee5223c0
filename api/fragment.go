package api

import (
	"context"
	"net/http"

	"zonebox/query"
)

func (s *server) traceFragment(c call) (any, error) {
	var in query.Fragment
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.TraceFragment(c.Request.Context(), c.subject, in)
}

// TraceFragment returns the releases that hold lines of a fragment.
func (c *Client) TraceFragment(ctx context.Context, f query.Fragment) (*query.FragmentTrace, error) {
	return get[*query.FragmentTrace](ctx, c, http.MethodPost, "/v1/fragments", f)
}
