package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// Tickets lists the quality tickets that concern the user and are not settled.
func (c *Client) Tickets(ctx context.Context) ([]query.Ticket, error) {
	return get[[]query.Ticket](ctx, c, http.MethodGet, "/v1/tickets", nil)
}

// Ticket returns one quality ticket.
func (c *Client) Ticket(ctx context.Context, id string) (*query.Ticket, error) {
	return get[*query.Ticket](ctx, c, http.MethodGet, "/v1/tickets/"+url.PathEscape(id), nil)
}

// OpenTicket opens a quality ticket.
func (c *Client) OpenTicket(ctx context.Context, r query.TicketRequest) (*query.Ticket, error) {
	return get[*query.Ticket](ctx, c, http.MethodPost, "/v1/tickets", r)
}

// MoveTicket makes a move on a quality ticket.
func (c *Client) MoveTicket(ctx context.Context, id string, m query.TicketMove) (*query.Ticket, error) {
	return get[*query.Ticket](ctx, c, http.MethodPost, "/v1/tickets/"+url.PathEscape(id), m)
}

// Trace returns where the data of a run come from.
func (c *Client) Trace(ctx context.Context, run string) (*query.TraceView, error) {
	return get[*query.TraceView](ctx, c, http.MethodGet, "/v1/traces/"+url.PathEscape(run), nil)
}
