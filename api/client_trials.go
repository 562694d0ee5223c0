package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"zonebox/query"
)

// TryLoad streams a delivery to the gate and returns what a load would do with it.
func (c *Client) TryLoad(ctx context.Context, m query.Manifest, data io.Reader) (*query.LoadTrial, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("api: encode manifest: %w", err)
	}
	digest, data := bodyFor(m, data)
	body, _, err := c.send(ctx, http.MethodPost, "/v1/trials?request="+base64.RawURLEncoding.EncodeToString(text), digest, data)
	if err != nil {
		return nil, err
	}
	return decode[*query.LoadTrial](body)
}
