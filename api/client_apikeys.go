package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// APIKeys lists the API keys that the user may see.
func (c *Client) APIKeys(ctx context.Context) ([]query.APIKeyView, error) {
	return get[[]query.APIKeyView](ctx, c, http.MethodGet, "/v1/api-keys", nil)
}

// IssueAPIKey gives the user an API key.
func (c *Client) IssueAPIKey(ctx context.Context, o query.APIKeyOrder) (*query.APIKeyView, error) {
	return get[*query.APIKeyView](ctx, c, http.MethodPost, "/v1/api-keys", o)
}

// RevokeAPIKey ends an API key.
func (c *Client) RevokeAPIKey(ctx context.Context, id string) (*query.APIKeyView, error) {
	return get[*query.APIKeyView](ctx, c, http.MethodDelete, "/v1/api-keys/"+url.PathEscape(id), nil)
}
