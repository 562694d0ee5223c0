package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// Agreements lists the courses of licenses that the user may see.
func (c *Client) Agreements(ctx context.Context) ([]query.AgreementView, error) {
	return get[[]query.AgreementView](ctx, c, http.MethodGet, "/v1/agreements", nil)
}

// Agreement returns the course of a license.
func (c *Client) Agreement(ctx context.Context, id string) (*query.AgreementDetail, error) {
	return get[*query.AgreementDetail](ctx, c, http.MethodGet, "/v1/agreements/"+url.PathEscape(id), nil)
}

// ApplyForLicense files an application under a call.
func (c *Client) ApplyForLicense(ctx context.Context, a query.Application) (*query.AgreementDetail, error) {
	return get[*query.AgreementDetail](ctx, c, http.MethodPost, "/v1/agreements", a)
}

// MoveAgreement makes one move of the course of a license.
func (c *Client) MoveAgreement(ctx context.Context, id string, o query.AgreementOrder) (*query.AgreementDetail, error) {
	return get[*query.AgreementDetail](ctx, c, http.MethodPost, "/v1/agreements/"+url.PathEscape(id), o)
}
