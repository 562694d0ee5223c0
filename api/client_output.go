package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// OutputOrder recalls or freezes an output: Move is recall or freeze.
type OutputOrder struct {
	Move  string `json:"move"`
	Basis string `json:"basis"`
}

// MoveOutput recalls or freezes an output.
func (c *Client) MoveOutput(ctx context.Context, run string, o OutputOrder) (*query.ReviewItem, error) {
	return get[*query.ReviewItem](ctx, c, http.MethodPost, "/v1/outputs/"+url.PathEscape(run), o)
}
