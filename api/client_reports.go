package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

func periodOf(p query.Period) string {
	return url.Values{"from": {p.From}, "to": {p.To}, "zone": {p.Zone}}.Encode()
}

// Use returns the use of a period.
func (c *Client) Use(ctx context.Context, p query.Period) (*query.UseReport, error) {
	return get[*query.UseReport](ctx, c, http.MethodGet, "/v1/reports/use?"+periodOf(p), nil)
}

// Unused returns what was granted and not read in a period.
func (c *Client) Unused(ctx context.Context, p query.Period) (*query.UnusedReport, error) {
	return get[*query.UnusedReport](ctx, c, http.MethodGet, "/v1/reports/unused?"+periodOf(p), nil)
}

// Risk returns the risks of a period.
func (c *Client) Risk(ctx context.Context, p query.Period) (*query.RiskReport, error) {
	return get[*query.RiskReport](ctx, c, http.MethodGet, "/v1/reports/risk?"+periodOf(p), nil)
}

// DrawSample draws a sample of approvals and releases.
func (c *Client) DrawSample(ctx context.Context, o query.SampleOrder) (*query.Sample, error) {
	return get[*query.Sample](ctx, c, http.MethodPost, "/v1/samples", o)
}

// Sample returns a sample that was drawn, with its verdicts.
func (c *Client) Sample(ctx context.Context, id string) (*query.Sample, error) {
	return get[*query.Sample](ctx, c, http.MethodGet, "/v1/samples/"+url.PathEscape(id), nil)
}

// Judge records the verdict on an entry of a sample.
func (c *Client) Judge(ctx context.Context, id string, o query.VerdictOrder) (*query.Sample, error) {
	return get[*query.Sample](ctx, c, http.MethodPost, "/v1/samples/"+url.PathEscape(id)+"/verdicts", o)
}
