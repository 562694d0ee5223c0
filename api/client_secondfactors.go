package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// SecondFactors lists the one-time codes that the user may know of.
func (c *Client) SecondFactors(ctx context.Context) ([]query.SecondFactorView, error) {
	return get[[]query.SecondFactorView](ctx, c, http.MethodGet, "/v1/second-factors", nil)
}

// NewSecondFactor gives the user one-time codes.
func (c *Client) NewSecondFactor(ctx context.Context) (*query.SecondFactorView, error) {
	return get[*query.SecondFactorView](ctx, c, http.MethodPost, "/v1/second-factors", nil)
}

// GiveCode gives a one-time code.
func (c *Client) GiveCode(ctx context.Context, o query.CodeOrder) (*query.PresenceView, error) {
	return get[*query.PresenceView](ctx, c, http.MethodPost, "/v1/second-factors/codes", o)
}

// EndSecondFactor ends another's one-time codes.
func (c *Client) EndSecondFactor(ctx context.Context, person string) (*query.SecondFactorView, error) {
	return get[*query.SecondFactorView](ctx, c, http.MethodDelete, "/v1/second-factors/"+url.PathEscape(person), nil)
}
