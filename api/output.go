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

func (s *server) moveOutput(c call) (any, error) {
	var in OutputOrder
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.engine.MoveOutput(c.Request.Context(), c.subject, c.Param("run"), in.Move, in.Basis)
}

// MoveOutput recalls or freezes an output.
func (c *Client) MoveOutput(ctx context.Context, run string, o OutputOrder) (*query.ReviewItem, error) {
	return get[*query.ReviewItem](ctx, c, http.MethodPost, "/v1/outputs/"+url.PathEscape(run), o)
}
