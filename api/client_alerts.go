package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// Alerts lists the newest alerts that were sent to the user.
func (c *Client) Alerts(ctx context.Context) ([]query.AlertView, error) {
	return get[[]query.AlertView](ctx, c, http.MethodGet, "/v1/alerts", nil)
}

// Alert returns one alert.
func (c *Client) Alert(ctx context.Context, id string) (*query.AlertView, error) {
	return get[*query.AlertView](ctx, c, http.MethodGet, "/v1/alerts/"+url.PathEscape(id), nil)
}

// CloseAlert closes an alert.
func (c *Client) CloseAlert(ctx context.Context, id string, said query.AlertClosing) (*query.AlertView, error) {
	return get[*query.AlertView](ctx, c, http.MethodPost, "/v1/alerts/"+url.PathEscape(id), said)
}
