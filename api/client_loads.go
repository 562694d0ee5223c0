package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"

	"zonebox/query"
)

// Load streams a delivery to the gate under its manifest. in.Entered, if it is
// not nil, is called when the gate has given the load an id. Of a source there is
// nothing to stream, and in.Data is nil.
func (c *Client) Load(ctx context.Context, m query.Manifest, in query.Incoming) (*query.LoadReport, error) {
	uri, err := under("/v1/loads", m)
	if err != nil {
		return nil, err
	}
	ctx = told(ctx, in)
	digest, data := bodyFor(m, in.Data)
	if in.Size > 0 && m.Source == "" { // a file that grows is sent as long as it was
		data = io.LimitReader(data, in.Size)
	}
	body, _, err := c.sendSized(ctx, http.MethodPost, uri, digest, data, in.Size)
	if err != nil {
		return nil, err
	}
	return decode[*query.LoadReport](body)
}

// TryLoad streams a delivery to the gate and returns what a load would do with it.
func (c *Client) TryLoad(ctx context.Context, m query.Manifest, data io.Reader) (*query.LoadTrial, error) {
	uri, err := under("/v1/trials", m)
	if err != nil {
		return nil, err
	}
	digest, data := bodyFor(m, data)
	body, _, err := c.send(ctx, http.MethodPost, uri, digest, data)
	if err != nil {
		return nil, err
	}
	return decode[*query.LoadTrial](body)
}

// under returns the address of a route for a delivery under its manifest.
func under(route string, m query.Manifest) (string, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("api: encode manifest: %w", err)
	}
	return route + "?request=" + base64.RawURLEncoding.EncodeToString(text), nil
}

// told has in.Entered, if it is not nil, called with the id that the gate gives.
func told(ctx context.Context, in query.Incoming) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if id := h.Get(headerLoad); code == http.StatusEarlyHints && id != "" && in.Entered != nil {
			in.Entered(id)
		}
		return nil
	}})
}

// Loads lists the loads the user may see, the newest first.
func (c *Client) Loads(ctx context.Context) (*query.LoadsView, error) {
	return get[*query.LoadsView](ctx, c, http.MethodGet, "/v1/loads", nil)
}

// LoadByID returns one load as it stands.
func (c *Client) LoadByID(ctx context.Context, id string) (*query.LoadView, error) {
	return get[*query.LoadView](ctx, c, http.MethodGet, "/v1/loads/"+url.PathEscape(id), nil)
}

// StopLoad ends a load of the user's own and returns it as it stood.
func (c *Client) StopLoad(ctx context.Context, id string) (*query.LoadView, error) {
	return get[*query.LoadView](ctx, c, http.MethodDelete, "/v1/loads/"+url.PathEscape(id), nil)
}

// LoadReceipt returns the receipt of a load that was brought in or refused.
func (c *Client) LoadReceipt(ctx context.Context, id string) (*query.SignedReceipt, error) {
	return get[*query.SignedReceipt](ctx, c, http.MethodGet, "/v1/loads/"+url.PathEscape(id)+"/receipt", nil)
}

// RefuseDelivery has the gate record a delivery that could not even be brought to
// it, and returns its receipt.
func (c *Client) RefuseDelivery(ctx context.Context, f query.DeliveryFault) (*query.SignedReceipt, error) {
	return get[*query.SignedReceipt](ctx, c, http.MethodPost, "/v1/receipts", f)
}

// Propose streams a file to the gate and returns what its entry and manifest may
// say.
func (c *Client) Propose(ctx context.Context, in query.ProposalRequest, data io.Reader, size int64) (*query.Proposal, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("api: encode request: %w", err)
	}
	uri := "/v1/proposals?request=" + base64.RawURLEncoding.EncodeToString(text)
	body, _, err := c.sendSized(ctx, http.MethodPost, uri, in.SHA256, io.LimitReader(data, size), size)
	if err != nil {
		return nil, err
	}
	return decode[*query.Proposal](body)
}
