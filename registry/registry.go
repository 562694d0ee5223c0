// Package registry is the zone's memory of who may do what: organizations,
// people, zones, the catalogue, licenses, scenarios, grants and templates, as
// signed documents in one SQLite file, together with the runs, the loaded data
// versions and the outbox of the audit log.
//
// It guarantees:
//   - Enter reads everything a decision needs in one read transaction, with the
//     revocation epoch and the revision that belong to it.
//   - A write transaction raises the revision exactly once, and its outbox
//     events commit with the change they tell of, or not at all.
//   - A document changes only by Apply, which checks shape, role, signatures
//     and references; every version stays readable.
//   - Bodies of documents, requests, events and load records are encrypted and
//     bound to their row: moved to another row they no longer decrypt.
//
// It does not guarantee that the newest row is there: somebody who may write
// the file can delete rows or put an older copy back. The audit log carries the
// revision, so that whoever opens both can refuse a registry older than its
// log. Names of documents, their versions and times stand in the file in the
// clear. A license or grant may be right here and still be denied by policy;
// city figures such as the longest term are policy's, not the registry's.
//
// Read Enter first, then Apply.
package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

var (
	// ErrNotFound means that the named document, version or run does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that a row of that name exists with another content.
	ErrConflict = errors.New("conflict")
	// ErrCorrupt means that a stored row does not decrypt under its own name.
	ErrCorrupt = errors.New("stored row is not authentic")
	// ErrReplay means that a nonce was used before.
	ErrReplay = errors.New("nonce was used before")
	// ErrStale means that a nonce carries a time too far from the clock.
	ErrStale = errors.New("time is too far from the clock")
	// ErrInactive means that the person exists but is disabled.
	ErrInactive = errors.New("person is disabled")
)

// sqliteFull is the code of SQLite where the disk has no room for a change
// (SQLITE_FULL, sqlite.org/rescode.html).
const sqliteFull = 13

// Full reports whether err says that the disk had no room for a change, which
// then did not happen.
func Full(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqliteFull
}

// errUnchanged ends a write transaction that had nothing to write.
var errUnchanged = errors.New("nothing changed")

// AEAD encrypts what is stored and binds it to aad. Tink's AEAD fits.
type AEAD interface {
	Encrypt(plaintext, aad []byte) ([]byte, error)
	Decrypt(ciphertext, aad []byte) ([]byte, error)
}

// Config holds what a registry needs from outside.
type Config struct {
	// AEAD encrypts every body. It has no default: Open refuses without it.
	AEAD AEAD
	// Workspaces seal what runs asked. Nil: AEAD encrypts that too.
	Workspaces Workspaces
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// NonceWindow is how far the time of a signed request may be from the
	// clock, and how long its nonce is remembered. 0 means five minutes: wide
	// enough for unsynchronized workstations, short enough to forget.
	NonceWindow time.Duration
}

// Registry is an open registry. It is safe for concurrent use; one process
// opens a file at a time.
type Registry struct {
	cfg    Config
	path   string
	writer *sql.DB
	reader *sql.DB

	known   *known
	nextDue atomic.Int64 // when the next pending document is, in Unix nanoseconds; 0: never
}

// Open opens the registry at path, creating it with mode 0600 if it is not
// there, and brings its tables up to date. extra holds the migrations of other
// packages that keep their tables in the same file and so share its
// transactions; their version numbers must differ from the registry's (1–999).
func Open(ctx context.Context, path string, cfg Config, extra ...fs.FS) (*Registry, error) {
	if cfg.AEAD == nil {
		return nil, errors.New("registry: open: no AEAD")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NonceWindow == 0 {
		cfg.NonceWindow = 5 * time.Minute
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("registry: open: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("registry: open: %w", err)
	}
	r := &Registry{cfg: cfg, path: path, known: newKnown()}
	// One writer connection that takes the write lock at BEGIN: what a write
	// transaction reads is what it overwrites.
	if r.writer, err = connect(path, 1, url.Values{"_txlock": {"immediate"}}); err != nil {
		return nil, err
	}
	if r.reader, err = connect(path, 4, url.Values{"_pragma": {"query_only(1)"}}); err != nil {
		return nil, errors.Join(err, r.writer.Close())
	}
	if err := r.migrate(ctx, extra); err != nil {
		return nil, errors.Join(fmt.Errorf("registry: migrate: %w", err), r.Close())
	}
	next, err := readNextDue(ctx, r.reader)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.nextDue.Store(next)
	_, _, changes, err := state(ctx, r.reader)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.known.found(changes)
	return r, nil
}

// connect opens path with the settings every connection shares: write-ahead
// log and a sync on each commit.
func connect(path string, conns int, more url.Values) (*sql.DB, error) {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "trusted_schema(0)", "secure_delete(1)",
	}}
	for k, v := range more {
		q[k] = append(q[k], v...)
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("registry: open: %w", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func (r *Registry) migrate(ctx context.Context, extra []fs.FS) error {
	all := append(layers{ownMigrations}, extra...)
	p, err := goose.NewProvider(goose.DialectSQLite3, r.writer, all,
		goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the registry. Transactions under way end first.
func (r *Registry) Close() error {
	return errors.Join(r.reader.Close(), r.writer.Close())
}

// View calls f with one read transaction: everything f reads is of one moment.
func (r *Registry) View(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := r.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("registry: read: %w", err)
	}
	defer tx.Rollback()
	return f(tx)
}

// Revision returns the number of write transactions committed so far.
func (r *Registry) Revision(ctx context.Context) (int64, error) {
	rev, _, _, err := state(ctx, r.reader)
	return rev, err
}

// Epoch returns the revocation epoch: it grows whenever something a decision
// may have rested on was changed or withdrawn.
func (r *Registry) Epoch(ctx context.Context) (int64, error) {
	_, epoch, _, err := state(ctx, r.reader)
	return epoch, err
}

// querier is what *sql.Tx and *sql.DB share for reading.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func state(ctx context.Context, q querier) (revision, epoch, changes int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT revision, epoch, changes FROM registry_state`).Scan(&revision, &epoch, &changes)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("registry: read state: %w", err)
	}
	return revision, epoch, changes, nil
}
