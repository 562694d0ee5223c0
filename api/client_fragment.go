package api

import (
	"context"
	"net/http"

	"zonebox/query"
)

// TraceFragment returns the releases that hold lines of a fragment.
func (c *Client) TraceFragment(ctx context.Context, f query.Fragment) (*query.FragmentTrace, error) {
	return get[*query.FragmentTrace](ctx, c, http.MethodPost, "/v1/fragments", f)
}
