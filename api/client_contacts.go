package api

import (
	"context"
	"net/http"

	"zonebox/query"
)

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
