package query

import (
	"context"
	"crypto/ed25519"
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
	"slices"
	"strings"
	"syscall"

	"zonebox/keys"
	"zonebox/registry"
)

// Backups lists the backups below every configured root, by name, those that are
// not this domain's left out.
func (e *Engine) Backups(_ context.Context, s Subject) ([]Backup, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity, registry.RoleAuditor, registry.RoleCityAuthority) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	out := []Backup{}
	for _, root := range e.cfg.BackupRoots {
		entries, err := os.ReadDir(root)
		if err != nil {
			return nil, asError(err)
		}
		for _, d := range entries {
			if b, in, err := openBackup(root, d.Name(), e.keys.Signer().Publics()); err == nil {
				in.Close()
				b.Files = nil
				out = append(out, *b)
			}
		}
	}
	return out, nil
}

// VerifyBackup reads every byte of a backup against its signed manifest, and opens
// what is encrypted in it.
func (e *Engine) VerifyBackup(ctx context.Context, s Subject, id string) (*Backup, error) {
	if !s.any(registry.RoleDataCentre, registry.RoleSecurity, registry.RoleAuditor, registry.RoleCityAuthority) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	if !backupID.MatchString(id) {
		return nil, fail("NOT_FOUND", nil)
	}
	for _, root := range e.cfg.BackupRoots {
		b, in, err := openBackup(root, id, e.keys.Signer().Publics())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(b.verify(ctx, in, e.keys, nil), in.Close())
		}
		if errors.Is(err, ErrBackup) {
			return nil, fail("BACKUP_DAMAGED", err)
		}
		if err != nil {
			return nil, asError(err)
		}
		return b, nil
	}
	return nil, fail("NOT_FOUND", nil)
}

// openBackup reads and checks the manifest of a backup. The caller closes the root.
func openBackup(rootPath, id string, signers []ed25519.PublicKey) (*Backup, *os.Root, error) {
	if !backupID.MatchString(id) {
		return nil, nil, ErrBackup
	}
	root, err := os.OpenRoot(rootPath)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	if info, err := root.Lstat(id); err != nil || !info.IsDir() {
		return nil, nil, errors.Join(err, ErrBackup)
	}
	in, err := root.OpenRoot(id)
	if err != nil {
		return nil, nil, err
	}
	b, err := readIndex(in, id, signers)
	if err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return b, in, nil
}

func readIndex(in *os.Root, id string, signers []ed25519.PublicKey) (*Backup, error) {
	f, err := openRegular(in, backupManifest, maxBackupIndex)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b Backup
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil || b.Format != backupFormat || b.ID != id {
		return nil, ErrBackup
	}
	text, err := b.signedText()
	if err != nil || !slices.ContainsFunc(signers, func(k ed25519.PublicKey) bool { return ed25519.Verify(k, text, b.Signature) }) {
		return nil, ErrBackup
	}
	for _, f := range b.Files {
		if f.Path != backupState && !strings.HasPrefix(f.Path, backupData+"/") || !filepath.IsLocal(f.Path) || path.Clean(f.Path) != f.Path {
			return nil, ErrBackup
		}
	}
	return &b, nil
}

// openRegular opens a regular file of at most limit bytes, on the file system of
// the folder and through no link.
func openRegular(in *os.Root, name string, limit int64) (*os.File, error) {
	dir, err := in.Stat(".")
	if err != nil {
		return nil, err
	}
	for at := name; at != "."; at = path.Dir(at) {
		info, err := in.Lstat(at)
		if err != nil {
			return nil, errors.Join(err, ErrBackup)
		}
		if info.Mode()&fs.ModeSymlink != 0 || (at != name) != info.IsDir() || !sameDevice(dir, info) {
			return nil, ErrBackup
		}
	}
	f, err := in.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > limit || !sameDevice(dir, info) {
		return nil, errors.Join(err, ErrBackup, f.Close())
	}
	return f, nil
}

func sameDevice(a, b fs.FileInfo) bool {
	x, okA := a.Sys().(*syscall.Stat_t)
	y, okB := b.Sys().(*syscall.Stat_t)
	return okA && okB && x.Dev == y.Dev
}

// verify reads every file of a backup; each gets what passes, if it is not nil.
// What is encrypted in it is opened on the way.
func (b *Backup) verify(ctx context.Context, in *os.Root, folder *keys.Folder, each func(f BackupFile, data io.Reader) error) error {
	key, err := folder.OpenBackup(b.ID, b.Key)
	if err != nil {
		return err
	}
	for _, f := range b.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.verifyFile(in, f, key, each); err != nil {
			return fmt.Errorf("query: backup %s: %s: %w", b.ID, f.Path, err)
		}
	}
	return nil
}

func (b *Backup) verifyFile(in *os.Root, f BackupFile, key *keys.BackupKey, each func(f BackupFile, data io.Reader) error) error {
	file, err := openRegular(in, f.Path, f.Size)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	raw := io.TeeReader(file, sum)
	data := raw
	if f.Path == backupState {
		if data, err = key.Reader(raw, backupState); err != nil {
			return fmt.Errorf("%w: %v", ErrBackup, err)
		}
	}
	if each == nil {
		each = func(_ BackupFile, data io.Reader) error { return nil }
	}
	if err := each(f, data); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, data); err != nil {
		return fmt.Errorf("%w: %v", ErrBackup, err)
	}
	if _, err := io.Copy(io.Discard, raw); err != nil {
		return err
	}
	if info, err := file.Stat(); err != nil || info.Size() != f.Size || hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return ErrBackup
	}
	return nil
}
