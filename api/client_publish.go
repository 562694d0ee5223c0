package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// Pending lists the documents that wait for their effective time, as far as the user
// may see them; with all those too that no longer wait.
func (c *Client) Pending(ctx context.Context, all bool) ([]query.PendingView, error) {
	path := "/v1/pending"
	if all {
		path += "?all=1"
	}
	return get[[]query.PendingView](ctx, c, http.MethodGet, path, nil)
}

// Withdraw takes back a batch of pending documents.
func (c *Client) Withdraw(ctx context.Context, batch string, o query.WithdrawOrder) error {
	_, err := get[struct{}](ctx, c, http.MethodPost, "/v1/pending/"+url.PathEscape(batch), o)
	return err
}

// History lists the versions of a document, the newest first.
func (c *Client) History(ctx context.Context, kind, name string) ([]query.DocumentVersion, error) {
	return get[[]query.DocumentVersion](ctx, c, http.MethodGet, "/v1/history/"+url.PathEscape(kind)+"/"+url.PathEscape(name), nil)
}

// Show returns a document in a sentence, with its fields.
func (c *Client) Show(ctx context.Context, q query.ShowRequest) (*query.Shown, error) {
	return get[*query.Shown](ctx, c, http.MethodPost, "/v1/shows", q)
}

// DiffDocument returns what differs between two versions of a document.
func (c *Client) DiffDocument(ctx context.Context, q query.DocumentDiffRequest) (*query.DocumentDiff, error) {
	return get[*query.DocumentDiff](ctx, c, http.MethodPost, "/v1/diffs", q)
}

// RollBackDocument makes an earlier version of a document the newest.
func (c *Client) RollBackDocument(ctx context.Context, o query.RollbackOrder) ([]query.Applied, error) {
	return get[[]query.Applied](ctx, c, http.MethodPost, "/v1/rollbacks", o)
}
