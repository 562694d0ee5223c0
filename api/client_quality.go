package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/quality"
	"zonebox/query"
)

func qualityPath(dataset string) string { return "/v1/quality/" + url.PathEscape(dataset) }

// Qualities lists what the last check of each dataset found.
func (c *Client) Qualities(ctx context.Context) ([]query.QualityItem, error) {
	return get[[]query.QualityItem](ctx, c, http.MethodGet, "/v1/quality", nil)
}

// Quality returns the newest report of a dataset, or of one version of it.
func (c *Client) Quality(ctx context.Context, dataset, version string) (*query.QualityView, error) {
	return get[*query.QualityView](ctx, c, http.MethodGet, qualityPath(dataset)+"?version="+url.QueryEscape(version), nil)
}

// QualityRules returns what is measured of a dataset.
func (c *Client) QualityRules(ctx context.Context, dataset string) (*query.QualityRulesView, error) {
	return get[*query.QualityRulesView](ctx, c, http.MethodGet, qualityPath(dataset)+"/rules", nil)
}

// RunQuality checks the current version of a dataset again.
func (c *Client) RunQuality(ctx context.Context, dataset string) (*query.QualityView, error) {
	return get[*query.QualityView](ctx, c, http.MethodPost, qualityPath(dataset)+"/run", nil)
}

// SettleQuality releases or rejects a version that is held back.
func (c *Client) SettleQuality(ctx context.Context, dataset string, o query.QualityOrder) (*query.QualityChange, error) {
	return get[*query.QualityChange](ctx, c, http.MethodPost, qualityPath(dataset)+"/settle", o)
}

// QualityHistory returns the scores of a dataset, the newest first.
func (c *Client) QualityHistory(ctx context.Context, dataset string) ([]quality.Point, error) {
	return get[[]quality.Point](ctx, c, http.MethodGet, qualityPath(dataset)+"/history", nil)
}
