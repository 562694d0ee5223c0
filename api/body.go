package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"zonebox/query"
)

// What a request may take of the gate before it is looked at: every body but a
// delivery's is held in memory, the large ones a few at a time.
const (
	maxBody     = 8 << 20
	smallBody   = 256 << 10
	largeBodies = 32
	maxNonce    = 128
)

// wholeBody returns a body of at most maxBody. A connection that takes no deadline is one
// of a test, without a network.
func wholeBody(body io.Reader, conn *http.ResponseController) ([]byte, error) {
	armed := conn.SetReadDeadline(time.Now().Add(patience)) == nil
	b, err := io.ReadAll(body)
	if armed { // it must not end the request while the gate works
		if disarm := conn.SetReadDeadline(time.Time{}); err == nil {
			err = disarm
		}
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, query.BadRequest("请求体过大", "the request body is too large")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, query.BadRequest("请求体迟迟未到", "the request body did not come")
	case err != nil:
		return nil, query.BadRequest("请求体不完整", "the request body is not whole")
	}
	return b, nil
}

// digested returns AUTH_FAILED for a body whose digest is not the one that was signed.
func digested(body []byte, digest string) error {
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != digest {
		return query.Unauthenticated()
	}
	return nil
}
