package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

func (s *server) packs(c call) (any, error) {
	return s.engine.Packs(c.Request.Context(), c.subject)
}

func (s *server) pack(c call) (any, error) {
	return s.engine.Pack(c.Request.Context(), c.subject, c.Param("name"), c.Query("from"))
}

// Packs returns the policy packs of the rules in force.
func (c *Client) Packs(ctx context.Context) ([]query.PackView, error) {
	return get[[]query.PackView](ctx, c, http.MethodGet, "/v1/packs", nil)
}

// Pack returns one policy pack, its terms counted from the day from unless that
// is empty.
func (c *Client) Pack(ctx context.Context, name, from string) (*query.PackView, error) {
	return get[*query.PackView](ctx, c, http.MethodGet, "/v1/packs/"+url.PathEscape(name)+"?from="+url.QueryEscape(from), nil)
}
