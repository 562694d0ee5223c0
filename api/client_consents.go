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

// Consents lists how consents stand, scenario by scenario.
func (c *Client) Consents(ctx context.Context) ([]query.ConsentView, error) {
	return get[[]query.ConsentView](ctx, c, http.MethodGet, "/v1/consents", nil)
}

// ImportConsents streams a file of consents to the gate.
func (c *Client) ImportConsents(ctx context.Context, in query.ConsentImport, data io.Reader, size int64) (*query.ConsentReceipt, error) {
	body, err := c.sendAbout(ctx, "/v1/consents", in, in.SHA256, data, size)
	if err != nil {
		return nil, err
	}
	return decode[*query.ConsentReceipt](body)
}

// WithdrawConsents streams a file of people who withdraw to the gate.
func (c *Client) WithdrawConsents(ctx context.Context, in query.ConsentWithdrawal, data io.Reader, size int64) (*query.WithdrawalReceipt, error) {
	body, err := c.sendAbout(ctx, "/v1/consents/withdrawals", in, in.SHA256, data, size)
	if err != nil {
		return nil, err
	}
	return decode[*query.WithdrawalReceipt](body)
}

// sendAbout streams a file of size bytes, and what is asked about it.
func (c *Client) sendAbout(ctx context.Context, path string, in any, digest string, data io.Reader, size int64) ([]byte, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("api: encode request: %w", err)
	}
	body, _, err := c.sendSized(ctx, http.MethodPost, path+"?request="+base64.RawURLEncoding.EncodeToString(text), digest, io.LimitReader(data, size), size)
	return body, err
}
