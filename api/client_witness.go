package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"zonebox/query"
)

// CosignRequest is a checkpoint that its sender cosigned.
type CosignRequest struct {
	Checkpoint string `json:"checkpoint"` // a note
}

// Proof returns the entry by which the output of a run was released, with the proof
// that the log holds it.
func (c *Client) Proof(ctx context.Context, run string) (*query.ReleaseProof, error) {
	return get[*query.ReleaseProof](ctx, c, http.MethodGet, "/v1/audit/proofs/"+url.PathEscape(run), nil)
}

// Extension returns the newest checkpoint of the log with the proof that it continues
// that of from entries.
func (c *Client) Extension(ctx context.Context, from uint64) (*query.LogExtension, error) {
	return get[*query.LogExtension](ctx, c, http.MethodGet, fmt.Sprintf("/v1/audit/checkpoint?from=%d", from), nil)
}

// Cosign hands in a checkpoint that the user cosigned.
func (c *Client) Cosign(ctx context.Context, checkpoint string) (*query.WitnessedView, error) {
	return get[*query.WitnessedView](ctx, c, http.MethodPost, "/v1/audit/cosignatures", CosignRequest{checkpoint})
}
