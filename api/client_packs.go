package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// Packs returns the policy packs of the rules in force.
func (c *Client) Packs(ctx context.Context) ([]query.PackView, error) {
	return get[[]query.PackView](ctx, c, http.MethodGet, "/v1/packs", nil)
}

// Pack returns one policy pack, its terms counted from the day from unless that
// is empty.
func (c *Client) Pack(ctx context.Context, name, from string) (*query.PackView, error) {
	return get[*query.PackView](ctx, c, http.MethodGet, "/v1/packs/"+url.PathEscape(name)+"?from="+url.QueryEscape(from), nil)
}
