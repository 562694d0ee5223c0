package query

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"zonebox/audit"
	"zonebox/keys"
)

// The files that say that a domain folder was restored, and who has ordered that
// it is taken up.
const (
	restoredFile = "restored.json"
	orderFile    = "restored-order.json"
)

// Restored is the mark of a folder that Restore made. A domain with it is opened
// by two RestoreOrders only.
type Restored struct {
	Backup  string    `json:"backup"`
	Domain  string    `json:"domain"`
	Created time.Time `json:"created"`
	Log     uint64    `json:"log"` // entries
}

// Restore writes the domain of a backup into the folder cfg.Domain, which must not
// hold anything, for a gate to open with the key folder cfg.Keys of today. root is
// a backup root, apart from both. Everything is verified before it is put in
// place: signature, digests, what is encrypted, the chain of the log, and that
// registry and log are of one time.
func Restore(ctx context.Context, cfg Config, root, id string) (_ *Backup, err error) {
	if err := keysOutside(cfg); err != nil {
		return nil, err
	}
	if err := backupRoot(root, cfg.Domain, cfg.Keys); err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(cfg.Domain); err == nil && len(entries) > 0 {
		return nil, fail("FOLDER_NOT_EMPTY", nil)
	}
	folder, err := keys.Open(cfg.Keys, cfg.provider())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	b, in, err := openBackup(root, id, folder.Signer().Publics())
	if err != nil {
		return nil, err
	}
	defer in.Close()
	parent := filepath.Dir(filepath.Clean(cfg.Domain))
	if err := keys.MakeFolder(parent); err != nil {
		return nil, fmt.Errorf("query: restore: %w", err)
	}
	// Whoever holds the key folder is the only one to restore to this place.
	unfinished := "." + filepath.Base(cfg.Domain) + ".restore-"
	if err := sweepPrefix(parent, unfinished); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(parent, unfinished+"*") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("query: restore: %w", err)
	}
	defer os.RemoveAll(temp)
	out, err := os.OpenRoot(temp)
	if err != nil {
		return nil, fmt.Errorf("query: restore: %w", err)
	}
	defer out.Close()
	for _, dir := range []string{zonesDir, auditDir, holdsDir, artifactsDir, ledgerDir} {
		if err := out.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("query: restore: %w", err)
		}
	}
	err = b.verify(ctx, in, folder, func(f BackupFile, data io.Reader) error {
		if f.Path == backupState {
			return unpack(out, data)
		}
		return place(out, strings.TrimPrefix(f.Path, backupData+"/"), data)
	})
	if err != nil {
		return nil, err
	}
	into := cfg.Domain
	cfg.Domain = temp
	if err := b.consistent(ctx, cfg, folder); err != nil {
		return nil, err
	}
	mark, err := json.Marshal(Restored{b.ID, b.Domain, b.Created, b.Log})
	if err != nil {
		return nil, err
	}
	if err := writeDurable(filepath.Join(temp, restoredFile), mark); err != nil {
		return nil, err
	}
	if err := syncTree(out); err != nil {
		return nil, fmt.Errorf("query: restore: %w", err)
	}
	if err := os.Remove(into); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder
		return nil, fmt.Errorf("query: restore: %w", err)
	}
	if err := os.Rename(temp, into); err != nil {
		return nil, fmt.Errorf("query: restore: %w", err)
	}
	dir, err := os.Open(parent)
	if err != nil {
		return nil, fmt.Errorf("query: restore: %w", err)
	}
	return b, errors.Join(dir.Sync(), dir.Close())
}

// unpack writes the files of a tar, which may hold nothing but what copyState puts
// there.
func unpack(out *os.Root, data io.Reader) error {
	archive := tar.NewReader(data)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %v", ErrBackup, err)
		}
		known := h.Name == registryFile || h.Name == identityFile || strings.HasPrefix(h.Name, auditDir+"/")
		if h.Typeflag != tar.TypeReg || !known || !filepath.IsLocal(h.Name) || path.Clean(h.Name) != h.Name {
			return ErrBackup
		}
		if err := place(out, h.Name, archive); err != nil {
			return err
		}
	}
}

// place writes one file, durable.
func place(out *os.Root, name string, data io.Reader) error {
	if err := out.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := out.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, data)
	return errors.Join(err, f.Sync(), f.Close())
}

// consistent checks what was unpacked as a domain: it is the one of the key
// folder, its log verifies and has the entries it should, and its registry is no
// older and knows of no more.
func (b *Backup) consistent(ctx context.Context, cfg Config, folder *keys.Folder) error {
	info, err := ReadDomain(cfg.Domain)
	if err != nil || info.ID != b.Domain {
		return errors.Join(err, ErrBackup)
	}
	_, verifier, err := folder.AuditSigner(info.ID)
	if err != nil {
		return err
	}
	report, err := audit.Verify(AuditDir(cfg.Domain), verifier)
	if err != nil {
		return err
	}
	if report.Size+report.Tail != b.Log {
		return fmt.Errorf("query: restore: the log has other entries than the backup says: %w", ErrBackup)
	}
	r, err := openRegistry(ctx, cfg, folder)
	if err != nil {
		return err
	}
	revision, err := r.Revision(ctx)
	logged, err2 := r.Logged(ctx)
	if err = errors.Join(err, err2, r.Close()); err != nil {
		return err
	}
	if revision < b.Revision || logged > b.Log {
		return fmt.Errorf("query: restore: registry and log are not of one time: %w", ErrBackup)
	}
	return nil
}
