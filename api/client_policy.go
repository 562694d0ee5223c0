package api

import (
	"context"
	"net/http"
	"net/url"

	"zonebox/query"
)

// Policy returns the rules in force and what was ordered of them.
func (c *Client) Policy(ctx context.Context) (*query.PolicyView, error) {
	return get[*query.PolicyView](ctx, c, http.MethodGet, "/v1/policy", nil)
}

// OrderPolicy orders that rules come into force, which another person confirms.
func (c *Client) OrderPolicy(ctx context.Context, o query.PolicyOrder) (*query.PolicyOrderView, error) {
	return get[*query.PolicyOrderView](ctx, c, http.MethodPost, "/v1/policy", o)
}

// ConfirmPolicy brings into force what another person ordered.
func (c *Client) ConfirmPolicy(ctx context.Context, id string) (*query.PolicyOrderView, error) {
	return get[*query.PolicyOrderView](ctx, c, http.MethodPost, "/v1/policy/"+url.PathEscape(id), nil)
}

// WhatIf decides the recorded decisions of a period again under drafts.
func (c *Client) WhatIf(ctx context.Context, in query.WhatIf) (*query.WhatIfReport, error) {
	return get[*query.WhatIfReport](ctx, c, http.MethodPost, "/v1/what-if", in)
}
