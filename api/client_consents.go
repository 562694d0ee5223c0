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

// ImportConsents streams a file of consents to the gate. file.Entered, if it is not
// nil, is called when the gate has given it the id of a load.
func (c *Client) ImportConsents(ctx context.Context, in query.ConsentImport, file query.Incoming) (*query.ConsentReceipt, error) {
	body, err := c.sendAbout(ctx, "/v1/consents", in, in.SHA256, file)
	if err != nil {
		return nil, err
	}
	return decode[*query.ConsentReceipt](body)
}

// WithdrawConsents streams a file of people who withdraw to the gate; file.Entered is
// as of ImportConsents.
func (c *Client) WithdrawConsents(ctx context.Context, in query.ConsentWithdrawal, file query.Incoming) (*query.WithdrawalReceipt, error) {
	body, err := c.sendAbout(ctx, "/v1/consents/withdrawals", in, in.SHA256, file)
	if err != nil {
		return nil, err
	}
	return decode[*query.WithdrawalReceipt](body)
}

// sendAbout streams a file of a known size, and what is asked about it.
func (c *Client) sendAbout(ctx context.Context, path string, in any, digest string, file query.Incoming) ([]byte, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("api: encode request: %w", err)
	}
	body, _, err := c.sendSized(told(ctx, file), http.MethodPost, path+"?request="+base64.RawURLEncoding.EncodeToString(text), digest, io.LimitReader(file.Data, file.Size), file.Size)
	return body, err
}
