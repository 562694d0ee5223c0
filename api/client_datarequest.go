package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// Clocks lists the open terms of what concerns the user.
func (c *Client) Clocks(ctx context.Context) ([]query.ClockView, error) {
	return get[[]query.ClockView](ctx, c, http.MethodGet, "/v1/clocks", nil)
}

// DataRequests lists the data requests that the user has a part in.
func (c *Client) DataRequests(ctx context.Context) ([]query.RequestView, error) {
	return get[[]query.RequestView](ctx, c, http.MethodGet, "/v1/requests", nil)
}

// DataRequest returns one data request with its course.
func (c *Client) DataRequest(ctx context.Context, name string) (*query.RequestDetail, error) {
	return get[*query.RequestDetail](ctx, c, http.MethodGet, "/v1/requests/"+url.PathEscape(name), nil)
}

// MoveRequest makes a move of a data request.
func (c *Client) MoveRequest(ctx context.Context, name string, o query.RequestOrder) (*query.RequestDetail, error) {
	return get[*query.RequestDetail](ctx, c, http.MethodPost, "/v1/requests/"+url.PathEscape(name), o)
}
