package query

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"zonebox/keys"
	"zonebox/registry"
)

// Backup is what the signed manifest of a backup says. A backup is a folder of a
// backup root:
//
//	backup.json   this
//	state         registry, audit log and identity as one tar, encrypted under a
//	              key that the key provider wraps
//	data/…        files of zones, holds, artifacts and the ledger as they lie in the domain,
//	              where they are ciphertext
//
// The key folder is never in it.
type Backup struct {
	Format   string       `json:"format"`
	ID       string       `json:"id"`
	Domain   string       `json:"domain"`
	Created  time.Time    `json:"created"`
	By       string       `json:"by"`
	Revision int64        `json:"revision"` // of the registry, at least
	Log      uint64       `json:"log"`      // entries of the audit log
	Key      []byte       `json:"key"`      // of state, wrapped
	Files    []BackupFile `json:"files"`
	// Signature by the gate's key that signs results, over the rest.
	Signature []byte `json:"signature"`
}

// BackupFile is one file of a backup.
type BackupFile struct {
	Path   string `json:"path"` // slash-separated
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

const (
	backupFormat   = "zonebox-backup-1"
	backupManifest = "backup.json"
	backupState    = "state"
	backupData     = "data"
	maxBackupIndex = 256 << 20
)

// ErrBackup says that a backup is not one that this domain's gate made, or that a
// file of it is not what was written.
var ErrBackup = errors.New("query: backup is not what was written")

func (b Backup) signedText() ([]byte, error) {
	b.Signature = nil
	text, err := json.Marshal(b)
	return append([]byte("zonebox backup 1\n"), text...), err
}

// Size returns the bytes of its files.
func (b Backup) Size() (n int64) {
	for _, f := range b.Files {
		n += f.Size
	}
	return n
}

var backupID = regexp.MustCompile(`^backup-[0-9A-Za-z-]{8,60}$`)

// backupRoot checks a folder that backups may stand in: an absolute path without
// links, its owner's alone, not inside the domain or key folder or around them.
func backupRoot(root, domain, keyFolder string) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return fmt.Errorf("query: backup root %s: %w", root, err)
	}
	info, err := os.Lstat(root)
	if err != nil {
		return fmt.Errorf("query: backup root %s: %w", root, err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !filepath.IsAbs(root) || real != filepath.Clean(root) || !info.IsDir() || info.Mode().Perm()&0o077 != 0 || !ok || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("query: backup root %s: must be an absolute path without links, of mode 0700 and this user's own", root)
	}
	for _, other := range []string{domain, keyFolder} {
		other, err := resolved(other)
		if err != nil {
			return fmt.Errorf("query: backup root %s: %w", root, err)
		}
		if within(other, real) || within(real, other) {
			return fmt.Errorf("query: backup root %s: must be apart from the domain and key folders", root)
		}
	}
	return nil
}

// within reports whether path is dir or below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// rootOf returns the configured root that a request names; the only one if it
// names none.
func (e *Engine) rootOf(name string) (string, error) {
	roots := e.cfg.BackupRoots
	if name == "" && len(roots) == 1 {
		return roots[0], nil
	}
	if !slices.Contains(roots, name) {
		return "", fail("BACKUP_ROOT", nil)
	}
	return name, backupRoot(name, e.cfg.Domain, e.cfg.Keys) // as it is now
}

// CreateBackup copies registry, audit log and data of one moment into a folder of
// its own below a configured root. Statements and loads go on; a backup is there
// as a whole or not at all. It takes the permission to export.
func (e *Engine) CreateBackup(ctx context.Context, s Subject, root string) (*Backup, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if err := e.permitted(ctx, s, registry.PermissionExport, "backup create"); err != nil {
		return nil, err
	}
	if e.isDraining() {
		return nil, fail("STOPPING", errStopped)
	}
	root, err := e.rootOf(root)
	if err != nil {
		return nil, asError(err)
	}
	ctx, end := e.reading(ctx, apart)
	defer end()
	id := newID("backup", e.cfg.Now())
	event := func(kind string, fields map[string]string) registry.Event {
		f := map[string]string{"backup": id, "org": s.organization}
		for k, v := range fields {
			f[k] = v
		}
		return registry.Event{Kind: kind, Actor: s.user, Fields: f}
	}
	if err := e.update(ctx, func(tx *registry.Tx) error { return tx.Emit(event("backup.started", nil)) }); err != nil {
		return nil, asError(err)
	}
	e.sealing.RLock()
	defer e.sealing.RUnlock()
	e.copying.Add(1)
	defer e.copying.Add(-1)
	b, err := e.backUp(ctx, root, id, s.user)
	if err != nil {
		why := asError(overtaken(ctx, err))
		if err := e.record(ctx, func(tx *registry.Tx) error {
			return tx.Emit(event("backup.failed", map[string]string{"reasons": why.Code}))
		}); err != nil {
			return nil, asError(err)
		}
		return nil, why
	}
	text, err := b.signedText()
	if err != nil {
		return nil, asError(err)
	}
	sum := sha256.Sum256(text)
	err = e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(event("backup.created", map[string]string{"digest": hex.EncodeToString(sum[:]), "entries": fmt.Sprint(b.Log)}))
	})
	if err != nil {
		return nil, asError(err)
	}
	return b, nil
}

// A copier writes the files of a backup and notes them.
type copier struct {
	root *os.Root // of the backup
	b    *Backup
}

func (e *Engine) backUp(ctx context.Context, rootPath, id, by string) (_ *Backup, err error) {
	root, err := os.OpenRoot(rootPath)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	partial := e.partial() + id
	if err := root.Mkdir(partial, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.RemoveAll(partial))
		}
	}()
	in, err := root.OpenRoot(partial)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b := &Backup{Format: backupFormat, ID: id, Domain: e.info.ID, Created: e.cfg.Now().UTC(), By: by, Files: []BackupFile{}}
	c := copier{in, b}
	key, wrapped, err := e.keys.NewBackup(id)
	if err != nil {
		return nil, err
	}
	b.Key = wrapped
	versions, err := e.copyState(ctx, c, key)
	if err != nil {
		return nil, err
	}
	if err := e.copyData(ctx, c, versions); err != nil {
		return nil, err
	}
	text, err := b.signedText()
	if err != nil {
		return nil, err
	}
	b.Signature = e.keys.Signer().Sign(text)
	index, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	if err := c.write(backupManifest, bytes.NewReader(index), nil); err != nil {
		return nil, err
	}
	if err := syncTree(in); err != nil {
		return nil, err
	}
	if err := root.Rename(partial, id); err != nil {
		return nil, err
	}
	return b, syncRoot(root)
}

// partial is what the folder of a backup under way is called before its id.
func (e *Engine) partial() string { return ".partial-" + e.info.ID + "-" }

// sweepBackups removes what backups left that never ended. One domain's gate may
// write to a folder that others write to as well.
func (e *Engine) sweepBackups() error {
	for _, root := range e.cfg.BackupRoots {
		if err := sweepPrefix(root, e.partial()); err != nil {
			return err
		}
	}
	return nil
}

// sweepPrefix removes what is in a folder under names that begin so.
func sweepPrefix(folder, prefix string) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("query: sweep: %w", err)
	}
	defer root.Close()
	left, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("query: sweep: %w", err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), prefix) {
			if err := root.RemoveAll(f.Name()); err != nil {
				return fmt.Errorf("query: sweep: %w", err)
			}
		}
	}
	return nil
}

// copyState writes registry and log of one moment: what the registry knows to be
// in the log is in the copy of the log, and nothing is in it of a later registry.
func (e *Engine) copyState(ctx context.Context, c copier, key *keys.BackupKey) (versions []registry.DataVersion, err error) {
	// A place that Open sweeps; names of documents stand in it in the clear, as in
	// the registry beside it.
	temp := filepath.Join(e.cfg.Domain, snapshotFile)
	if err := os.RemoveAll(temp); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	go func() { written <- c.write(backupState, pr, pr.CloseWithError) }()
	sealed, err := key.Writer(pw, backupState)
	if err != nil {
		return nil, errors.Join(err, pw.CloseWithError(err), <-written)
	}
	archive := tar.NewWriter(sealed)
	put := func(name, from string) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("query: back up %s: %w", name, ErrBackup)
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Size: info.Size(), Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
			return err
		}
		_, err = io.CopyN(archive, f, info.Size())
		return err
	}
	outbox := false
	between := func() error {
		defer e.outbox.Unlock()
		outbox = false
		revision, err := e.registry.Revision(ctx)
		if err == nil {
			c.b.Revision = revision
			versions, err = e.registry.StoredVersions(ctx)
		}
		if err == nil {
			err = e.registry.Snapshot(ctx, temp)
		}
		return err
	}
	err = e.flush(ctx)
	if err == nil {
		e.outbox.Lock() // from here until the registry is copied no event goes to the log
		outbox = true
		c.b.Log, err = e.audit.Snapshot(ctx, between, func(name string) error {
			return put(path.Join(auditDir, name), filepath.Join(AuditDir(e.cfg.Domain), filepath.FromSlash(name)))
		})
		if outbox {
			e.outbox.Unlock()
		}
	}
	if err == nil {
		err = put(registryFile, temp)
	}
	if err == nil {
		err = put(identityFile, filepath.Join(e.cfg.Domain, identityFile))
	}
	if err == nil {
		err = errors.Join(archive.Close(), sealed.Close())
	}
	pw.CloseWithError(err)
	return versions, errors.Join(err, <-written)
}

// snapshotFile is where the registry's copy stands while it is encrypted.
const snapshotFile = "registry.snapshot"

// copyData copies what is ciphertext in the domain. Held outputs and artifacts
// that ended since the registry was copied are left out.
func (e *Engine) copyData(ctx context.Context, c copier, versions []registry.DataVersion) error {
	for _, v := range versions {
		dir := e.store.Dir(v.Zone, v.Dataset, v.Version)
		rel, err := filepath.Rel(e.cfg.Domain, dir)
		if err != nil {
			return err
		}
		if err := c.folder(ctx, dir, filepath.ToSlash(rel), false); err != nil {
			return fmt.Errorf("query: back up %s: %w", v.Dataset, err)
		}
	}
	for _, name := range []string{holdsDir, artifactsDir, ledgerDir} {
		if err := c.folder(ctx, filepath.Join(e.cfg.Domain, name), name, true); err != nil {
			return fmt.Errorf("query: back up %s: %w", name, err)
		}
	}
	return nil
}

// folder copies the regular files of a folder without folders in it.
func (c copier) folder(ctx context.Context, dir, rel string, passing bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, d := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, d.Name()), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
		if errors.Is(err, fs.ErrNotExist) && passing {
			continue
		}
		if err != nil {
			return err
		}
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return errors.Join(err, ErrBackup, f.Close())
		}
		if err := errors.Join(c.write(path.Join(backupData, rel, d.Name()), f, nil), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// write writes one file, durable, and notes it. stop is told of a failure.
func (c copier) write(name string, from io.Reader, stop func(error) error) (err error) {
	defer func() {
		if err != nil && stop != nil {
			_ = stop(err) // whoever writes to the other end learns of it
		}
	}()
	if err := c.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), from)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if name != backupManifest {
		c.b.Files = append(c.b.Files, BackupFile{name, n, hex.EncodeToString(sum.Sum(nil))})
	}
	return nil
}

func syncRoot(r *os.Root) error { return syncFolder(r, ".") }

func syncFolder(r *os.Root, name string) error {
	d, err := r.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// syncTree makes the names in a folder and in all below it durable.
func syncTree(r *os.Root) error {
	return fs.WalkDir(r.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(r, name)
	})
}
