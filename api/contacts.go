package api

import (
	"context"
	"net/http"

	"zonebox/query"
)

func (s *server) contacts(c call) (any, error) {
	return s.engine.Contacts(c.Request.Context(), c.subject)
}

func (s *server) setContact(c call) (any, error) {
	var in query.ContactOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.SetContact(c.Request.Context(), c.subject, in)
}

func (s *server) showContact(c call) (any, error) {
	var in query.ContactRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.ShowContact(c.Request.Context(), c.subject, in)
}

// Contacts lists how the people are reached whom the user may see, masked.
func (c *Client) Contacts(ctx context.Context) ([]query.ContactView, error) {
	return get[[]query.ContactView](ctx, c, http.MethodGet, "/v1/contacts", nil)
}

// SetContact says how a person is reached.
func (c *Client) SetContact(ctx context.Context, o query.ContactOrder) (*query.ContactView, error) {
	return get[*query.ContactView](ctx, c, http.MethodPost, "/v1/contacts", o)
}

// ShowContact returns how a person is reached as it is.
func (c *Client) ShowContact(ctx context.Context, q query.ContactRequest) (*query.ContactView, error) {
	return get[*query.ContactView](ctx, c, http.MethodPost, "/v1/contacts/shows", q)
}
