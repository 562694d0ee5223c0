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

// trial is load but for its end. The body is a delivery, as load's is.
func (s *server) trial(c call) (any, error) {
	text, err := base64.RawURLEncoding.DecodeString(c.Query("manifest"))
	if err != nil {
		return nil, query.BadRequest("缺少交付清单", "the delivery manifest is missing")
	}
	m, err := query.DecodeManifest(text)
	if err != nil {
		return nil, query.BadRequest("交付清单不是所期望的 JSON", "the delivery manifest is not the expected JSON")
	}
	if !bodyOf(m, c.GetHeader(headerDigest)) {
		return nil, query.BadRequest("交付清单的摘要与请求不符", "the manifest's digest is not the signed one")
	}
	return s.engine.TryLoad(c.Request.Context(), c.subject, m, c.body)
}

// TryLoad streams a delivery to the gate and returns what a load would do with it.
func (c *Client) TryLoad(ctx context.Context, m query.Manifest, data io.Reader) (*query.LoadTrial, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("api: encode manifest: %w", err)
	}
	digest, data := bodyFor(m, data)
	body, _, err := c.send(ctx, http.MethodPost, "/v1/trials?manifest="+base64.RawURLEncoding.EncodeToString(text), digest, data)
	if err != nil {
		return nil, err
	}
	return decode[*query.LoadTrial](body)
}
