package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

func (s *server) alerts(c call) (any, error) {
	return s.engine.Alerts(c.Request.Context(), c.subject)
}

func (s *server) alert(c call) (any, error) {
	return s.engine.Alert(c.Request.Context(), c.subject, c.Param("id"))
}

func (s *server) closeAlert(c call) (any, error) {
	var in query.AlertClosing
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.CloseAlert(c.Request.Context(), c.subject, c.Param("id"), in)
}

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
