package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"zonebox/query"
)

// Client talks to a gate over its unix socket or HTTPS and signs every request with
// the user's key, or shows a certificate over HTTPS instead. It is safe for concurrent use.
type Client struct {
	http *http.Client
	base string // scheme and host
	user string
	lang string
	sign func(message []byte) []byte
	now  func() time.Time

	mu   sync.Mutex
	gate string // a signing key of the gate, base64; "" until it is asked for
}

// NewClient returns a client of the gate that listens on socket. gate is a signing key
// of it, in base64, that requests are for; "" has the client ask the gate for its own, for
// want of one that is known. sign returns the Ed25519 signature of the user's key, now the
// time that a request is of; lang is "zh" or "en".
func NewClient(socket, gate, user, lang string, sign func(message []byte) []byte, now func() time.Time) *Client {
	return &Client{base: "http://gate", gate: gate, user: user, lang: lang, sign: sign, now: now, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// NewRemoteClient is NewClient for the gate at base, https://HOST:PORT, which trust
// recognizes. With a nil sign nothing is signed: the certificate of trust shows who sends.
func NewRemoteClient(base string, trust *tls.Config, gate, user, lang string, sign func(message []byte) []byte, now func() time.Time) *Client {
	d := net.Dialer{Timeout: 10 * time.Second}
	return &Client{base: base, gate: gate, user: user, lang: lang, sign: sign, now: now, http: &http.Client{Transport: &http.Transport{
		TLSClientConfig: trust, ForceAttemptHTTP2: true, DialContext: d.DialContext,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second, // the gate's is two minutes
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}}}
}

// Explain returns what the gate would decide and run, without touching data.
func (c *Client) Explain(ctx context.Context, req QueryRequest) (*query.Explanation, error) {
	return get[*query.Explanation](ctx, c, http.MethodPost, "/v1/explain", req)
}

// Preview returns what the recipes of a grant make of some rows.
func (c *Client) Preview(ctx context.Context, req query.PreviewRequest) (*query.Preview, error) {
	return get[*query.Preview](ctx, c, http.MethodPost, "/v1/previews", req)
}

// Domain returns the identity of the gate's domain.
func (c *Client) Domain(ctx context.Context) (query.DomainInfo, error) {
	return get[query.DomainInfo](ctx, c, http.MethodGet, "/v1/domain", nil)
}

// Apply hands documents (YAML or JSON) to the registry, all or none.
func (c *Client) Apply(ctx context.Context, documents []byte) ([]query.Applied, error) {
	return get[[]query.Applied](ctx, c, http.MethodPost, "/v1/documents", json.RawMessage(documents))
}

// Documents lists the documents of a kind the user may see, or the one named.
func (c *Client) Documents(ctx context.Context, kind, name string) ([]query.DocumentView, error) {
	path := "/v1/documents/" + url.PathEscape(kind)
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return get[[]query.DocumentView](ctx, c, http.MethodGet, path, nil)
}

// bodyFor returns what goes with a manifest and its digest: the delivery, or of a
// source nothing.
func bodyFor(m query.Manifest, data io.Reader) (string, io.Reader) {
	if m.Source != "" {
		return emptyDigest, http.NoBody
	}
	return m.SHA256, data
}

// Entries lists the catalogue as the user may see it.
func (c *Client) Entries(ctx context.Context) ([]query.EntryView, error) {
	return get[[]query.EntryView](ctx, c, http.MethodGet, "/v1/catalogue", nil)
}

// Entry returns one catalogue entry with its editions.
func (c *Client) Entry(ctx context.Context, name string) (*query.EntryDetail, error) {
	return get[*query.EntryDetail](ctx, c, http.MethodGet, "/v1/catalogue/"+url.PathEscape(name), nil)
}

// MoveEntry makes one move of a catalogue entry.
func (c *Client) MoveEntry(ctx context.Context, name string, o query.EntryOrder) (*query.EntryDetail, error) {
	return get[*query.EntryDetail](ctx, c, http.MethodPost, "/v1/catalogue/"+url.PathEscape(name), o)
}

// CheckEntry tells what stands against an entry, a document in JSON.
func (c *Client) CheckEntry(ctx context.Context, document []byte) (*query.EntryDetail, error) {
	return get[*query.EntryDetail](ctx, c, http.MethodPost, "/v1/catalogue-checks", json.RawMessage(document))
}

// ExportCatalogue returns a list of the catalogue in a format.
func (c *Client) ExportCatalogue(ctx context.Context, list, format string) (*query.CatalogueExport, error) {
	return get[*query.CatalogueExport](ctx, c, http.MethodGet, "/v1/catalogue-exports/"+url.PathEscape(list)+"/"+url.PathEscape(format), nil)
}

// Reviews lists what waits for the user's review.
func (c *Client) Reviews(ctx context.Context) ([]query.ReviewItem, error) {
	return get[[]query.ReviewItem](ctx, c, http.MethodGet, "/v1/reviews", nil)
}

// Review returns one run as a reviewer sees it.
func (c *Client) Review(ctx context.Context, run string) (*query.ReviewDetail, error) {
	return get[*query.ReviewDetail](ctx, c, http.MethodGet, "/v1/reviews/"+url.PathEscape(run), nil)
}

// ReviewRows shows rows of an output that waits for the user's review, from a row on.
func (c *Client) ReviewRows(ctx context.Context, run string, from int64, rows int) (*query.ReviewRows, error) {
	return get[*query.ReviewRows](ctx, c, http.MethodGet, fmt.Sprintf("/v1/reviews/%s/rows?from=%d&rows=%d", url.PathEscape(run), from, rows), nil)
}

// Settle approves or rejects a run.
func (c *Client) Settle(ctx context.Context, run string, s Settlement) (*query.ReviewItem, error) {
	return get[*query.ReviewItem](ctx, c, http.MethodPost, "/v1/reviews/"+url.PathEscape(run), s)
}

// Coarsen has an output that waits made coarser, and returns the run in its place.
func (c *Client) Coarsen(ctx context.Context, run string, o query.CoarsenOrder) (*query.ReviewItem, error) {
	return get[*query.ReviewItem](ctx, c, http.MethodPost, "/v1/reviews/"+url.PathEscape(run)+"/coarser", o)
}

// Versions tells what lies in zones.
func (c *Client) Versions(ctx context.Context, q query.VersionQuery) ([]query.VersionView, error) {
	return get[[]query.VersionView](ctx, c, http.MethodPost, "/v1/versions", q)
}

// Verify compares a version with what was committed.
func (c *Client) Verify(ctx context.Context, q query.VerifyRequest) (*query.VerifyReport, error) {
	return get[*query.VerifyReport](ctx, c, http.MethodPost, "/v1/versions/verify", q)
}

// Diff compares two versions of a dataset by counts.
func (c *Client) Diff(ctx context.Context, q query.DiffRequest) (*query.VersionDiff, error) {
	return get[*query.VersionDiff](ctx, c, http.MethodPost, "/v1/versions/diff", q)
}

// Rollback makes an earlier version current again.
func (c *Client) Rollback(ctx context.Context, o query.VersionOrder) (*query.VersionChange, error) {
	return get[*query.VersionChange](ctx, c, http.MethodPost, "/v1/versions/rollback", o)
}

// Retire lets the files of a version go.
func (c *Client) Retire(ctx context.Context, o query.VersionOrder) (*query.VersionChange, error) {
	return get[*query.VersionChange](ctx, c, http.MethodPost, "/v1/versions/retire", o)
}

// Keys returns the inventory of the domain's keys.
func (c *Client) Keys(ctx context.Context) (*query.KeyReport, error) {
	return get[*query.KeyReport](ctx, c, http.MethodGet, "/v1/keys", nil)
}

// RotateKey gives a zone a new version of a key.
func (c *Client) RotateKey(ctx context.Context, o query.KeyOrder) (*query.KeyChange, error) {
	return get[*query.KeyChange](ctx, c, http.MethodPost, "/v1/keys/rotate", o)
}

// DestroyKey destroys the keys of a zone, or an earlier version of one.
func (c *Client) DestroyKey(ctx context.Context, o query.KeyOrder) (*query.KeyChange, error) {
	return get[*query.KeyChange](ctx, c, http.MethodPost, "/v1/keys/destroy", o)
}

// Rewrap wraps the data keys of a zone by the newest version of its key.
func (c *Client) Rewrap(ctx context.Context, zone string) (*query.RewrapReport, error) {
	return get[*query.RewrapReport](ctx, c, http.MethodPost, "/v1/keys/rewrap", query.KeyOrder{Zone: zone})
}

// BackupRequest names the root to back up into; empty is the only one there is.
type BackupRequest struct {
	Root string `json:"root,omitempty"`
}

// Backups lists the backups below the gate's roots.
func (c *Client) Backups(ctx context.Context) ([]query.Backup, error) {
	return get[[]query.Backup](ctx, c, http.MethodGet, "/v1/backups", nil)
}

// CreateBackup backs the domain up.
func (c *Client) CreateBackup(ctx context.Context, root string) (*query.Backup, error) {
	return get[*query.Backup](ctx, c, http.MethodPost, "/v1/backups", BackupRequest{root})
}

// VerifyBackup reads every byte of a backup.
func (c *Client) VerifyBackup(ctx context.Context, id string) (*query.Backup, error) {
	return get[*query.Backup](ctx, c, http.MethodPost, "/v1/backups/"+url.PathEscape(id)+"/verify", nil)
}

// Shreds lists the orders of destructions.
func (c *Client) Shreds(ctx context.Context) ([]query.ShredView, error) {
	return get[[]query.ShredView](ctx, c, http.MethodGet, "/v1/shreds", nil)
}

// OrderShred orders a destruction, which another person confirms.
func (c *Client) OrderShred(ctx context.Context, o query.ShredOrder) (*query.ShredView, error) {
	return get[*query.ShredView](ctx, c, http.MethodPost, "/v1/shreds", o)
}

// ConfirmShred carries out a destruction that another person ordered.
func (c *Client) ConfirmShred(ctx context.Context, id string) (*query.ShredView, error) {
	return get[*query.ShredView](ctx, c, http.MethodPost, "/v1/shreds/"+url.PathEscape(id), nil)
}

// Audit returns audit entries from index from on, at most limit.
func (c *Client) Audit(ctx context.Context, from uint64, limit int) ([]query.AuditEntry, error) {
	return get[[]query.AuditEntry](ctx, c, http.MethodGet, fmt.Sprintf("/v1/audit?from=%d&limit=%d", from, limit), nil)
}

// MakeSelfcheck has the gate measure itself.
func (c *Client) MakeSelfcheck(ctx context.Context) (*query.Selfcheck, error) {
	return get[*query.Selfcheck](ctx, c, http.MethodPost, "/v1/selfchecks", nil)
}

// Status returns the gate's state, for doctor.
func (c *Client) Status(ctx context.Context) (*query.Status, error) {
	return get[*query.Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

func get[T any](ctx context.Context, c *Client, method, uri string, in any) (T, error) {
	body, _, err := c.call(ctx, method, uri, in)
	if err != nil {
		var zero T
		return zero, err
	}
	return decode[T](body)
}

func decode[T any](body []byte) (T, error) {
	var out T
	if err := json.Unmarshal(body, &out); err != nil {
		return out, fmt.Errorf("api: decode answer: %w", err)
	}
	return out, nil
}

func (c *Client) call(ctx context.Context, method, uri string, in any) ([]byte, http.Header, error) {
	var body []byte
	switch v := in.(type) {
	case nil:
	case json.RawMessage:
		body = v
	default:
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, nil, fmt.Errorf("api: encode request: %w", err)
		}
	}
	sum := sha256.Sum256(body)
	return c.send(ctx, method, uri, hex.EncodeToString(sum[:]), bytes.NewReader(body))
}

func (c *Client) send(ctx context.Context, method, uri, digest string, body io.Reader) ([]byte, http.Header, error) {
	return c.sendSized(ctx, method, uri, digest, body, 0)
}

// sendSized is send for a body of a known size; 0 if it is not.
func (c *Client) sendSized(ctx context.Context, method, uri, digest string, body io.Reader, size int64) ([]byte, http.Header, error) {
	res, err := c.do(ctx, method, uri, digest, body, size, nil)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	out, err := answered(res)
	return out, res.Header, err
}

// do sends a request, with headers that are not signed beside. The caller closes
// the answer's body.
func (c *Client) do(ctx context.Context, method, uri, digest string, body io.Reader, size int64, beside http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+uri, body)
	if err != nil {
		return nil, fmt.Errorf("api: build request: %w", err)
	}
	if size > 0 {
		req.ContentLength = size
	}
	maps.Copy(req.Header, beside)
	req.Header.Set("Accept-Language", c.lang)
	if c.sign == nil {
		req.Header.Set("Content-Type", "application/json")
	} else if err := c.signs(ctx, req, digest); err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("api: reach the gate: %w", err)
	}
	return res, nil
}

// signs signs a request with the body of a digest.
func (c *Client) signs(ctx context.Context, req *http.Request, digest string) error {
	gate, err := c.knownGate(ctx)
	if err != nil {
		return err
	}
	at, nonce := c.now(), rand.Text()
	req.Header.Set(headerGate, gate)
	req.Header.Set(headerUser, c.user)
	req.Header.Set(headerTime, at.UTC().Format(time.RFC3339Nano))
	req.Header.Set(headerNonce, nonce)
	req.Header.Set(headerDigest, digest)
	req.Header.Set(headerSignature, base64.StdEncoding.EncodeToString(c.sign(signingText(gate, req.Method, req.URL.RequestURI(), c.user, at, nonce, digest))))
	return nil
}

// answered returns the body of an answer, or what it says went wrong.
func answered(res *http.Response) ([]byte, error) {
	out, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("api: read answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		p := new(Problem)
		if err := json.Unmarshal(out, p); err != nil || p.Code == "" {
			return nil, fmt.Errorf("api: the gate answered %s", res.Status)
		}
		return nil, p
	}
	return out, nil
}

// knownGate returns the key of the gate that requests are for, as the gate says itself
// where no other is known.
func (c *Client) knownGate(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gate != "" {
		return c.gate, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodOptions, c.base+"/v1", http.NoBody)
	if err != nil {
		return "", fmt.Errorf("api: build request: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("api: reach the gate: %w", err)
	}
	defer res.Body.Close()
	if c.gate = res.Header.Get(headerGate); c.gate == "" {
		return "", fmt.Errorf("api: the gate answered %s", res.Status)
	}
	return c.gate, nil
}
