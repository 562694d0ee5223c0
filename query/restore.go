package query

import (
	"archive/tar"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/registry"
	"zonebox/zone"
)

// The files that say that a domain folder was restored, and who has ordered that
// it is taken up.
const (
	restoredFile = "restored.json"
	orderFile    = "restored-order.json"
)

// Restored is the mark of a folder that Restore made. A domain with it is opened
// by a RestoreOrder only.
type Restored struct {
	Backup  string    `json:"backup"`
	Domain  string    `json:"domain"`
	Created time.Time `json:"created"`
	Log     uint64    `json:"log"` // entries
}

// RestoreOrder is the word of a person that a restored state is taken up: what
// happened since the backup is lost to it, and the log says so.
type RestoreOrder struct {
	Backup    string    `json:"backup"`
	Domain    string    `json:"domain"`
	Log       uint64    `json:"log"` // entries it has at least
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason"`
	Signature []byte    `json:"signature"` // by the person's key, over the rest
}

// entry is the id of the log entry by which the order is taken up.
func (o RestoreOrder) entry() string {
	return "restored-" + o.Backup + "-" + o.At.UTC().Format("20060102T150405.000000000")
}

// orderSkew is how far ahead the clock of who signs an order may be.
const orderSkew = 5 * time.Minute

// ErrRestored says that a domain folder was restored from a backup, and that
// nobody who may has ordered to take it up.
var ErrRestored = errors.New("the domain was restored from a backup and waits for an order to take it up")

func (o RestoreOrder) signedText() ([]byte, error) {
	o.Signature = nil
	text, err := json.Marshal(o)
	return append([]byte("zonebox restore order 1\n"), text...), err
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
	if err := os.MkdirAll(parent, 0o700); err != nil {
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
	for _, dir := range []string{zonesDir, auditDir, holdsDir, artifactsDir} {
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
		if h.Typeflag != tar.TypeReg || !known || !filepath.IsLocal(h.Name) {
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
	if _, err := audit.Verify(AuditDir(cfg.Domain), verifier); err != nil {
		return err
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

// ReadRestored returns the mark of a restored domain folder; fs.ErrNotExist if it
// has none.
func ReadRestored(domain string) (Restored, error) {
	var r Restored
	text, err := os.ReadFile(filepath.Join(domain, restoredFile))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("query: read restored: %w", err)
	}
	return r, nil
}

// OrderRestored puts a person's order to take a restored domain up into its
// folder. Whether the person may is judged when it is opened.
func OrderRestored(domain string, by *keys.User, reason string, at time.Time) error {
	r, err := ReadRestored(domain)
	if err != nil {
		return err
	}
	o := RestoreOrder{Backup: r.Backup, Domain: r.Domain, Log: r.Log, By: by.Name(), At: at.UTC(), Reason: reason}
	text, err := o.signedText()
	if err != nil {
		return err
	}
	o.Signature = by.Sign(text)
	if text, err = json.Marshal(o); err != nil {
		return err
	}
	return writeDurable(filepath.Join(domain, orderFile), text)
}

// restored returns the mark of the domain and the order to take it up, nil if it
// was not restored; ErrRestored if nobody who may has ordered it. It takes the
// city authority or the security officer, with the permission to export.
func (e *Engine) restored(ctx context.Context) (*RestoreOrder, error) {
	mark, err := ReadRestored(e.cfg.Domain)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	waits := func(why string) error {
		return fmt.Errorf("query: open domain: %w (backup %s of %s): %s; order it with backup accept", ErrRestored, mark.Backup, mark.Created.Format(time.DateTime), why)
	}
	text, err := os.ReadFile(filepath.Join(e.cfg.Domain, orderFile))
	if err != nil {
		return nil, waits("there is no order")
	}
	var o RestoreOrder
	if err := json.Unmarshal(text, &o); err != nil || o.Backup != mark.Backup || o.Domain != e.info.ID || strings.TrimSpace(o.Reason) == "" {
		return nil, waits("the order is of another state")
	}
	if e.audit.Size() < o.Log {
		return nil, waits("the folder is older than what was ordered")
	}
	w, err := e.keys.Witness()
	if err != nil {
		return nil, err
	}
	// An order is good once, and for a week. One that this log knows was interrupted.
	if _, begun := e.audit.Find(o.entry()); !begun {
		if age := e.cfg.Now().Sub(o.At); !o.At.After(w.Restored) || age > orderTerm || age < -orderSkew {
			return nil, waits("the order was used, or is not of these days")
		}
	}
	p, err := e.registry.Person(ctx, o.By)
	if err != nil {
		return nil, waits("who ordered it is nobody the registry knows to be active")
	}
	key, err := base64.StdEncoding.DecodeString(p.SigningKey)
	signed, err2 := o.signedText()
	if err != nil || err2 != nil || !verifies(key, signed, o.Signature) {
		return nil, waits("the order is not signed by the person it names")
	}
	if !slices.Contains(p.Roles, registry.RoleCityAuthority) && !slices.Contains(p.Roles, registry.RoleSecurity) || !p.Permits(registry.PermissionExport) {
		return nil, waits("it takes the city authority or the security officer, with the permission to export")
	}
	return &o, nil
}

// takeUp records that a restored state is taken up, brings it in line with the
// keys of today and removes the mark.
func (e *Engine) takeUp(ctx context.Context, o *RestoreOrder) error {
	w, err := e.keys.Witness()
	if err != nil {
		return err
	}
	before := e.audit.Size()
	err = e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{ID: o.entry(), Kind: "backup.restored", Actor: o.By, Fields: map[string]string{
			"backup": o.Backup, "entries": fmt.Sprint(before), "remembered": fmt.Sprint(w.Size), "reason": clip(o.Reason)}})
	})
	if err != nil {
		return err
	}
	if err := e.reconcile(ctx, o.By); err != nil {
		return err
	}
	if err := e.keys.Remember(keys.Witness{Origin: e.info.ID, Size: e.audit.Size(), Restored: o.At}); err != nil {
		return err
	}
	for _, name := range []string{orderFile, restoredFile} {
		if err := os.Remove(filepath.Join(e.cfg.Domain, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("query: open domain: %w", err)
		}
	}
	return nil
}

// reconcile has the registry say of restored data what the keys of today say:
// what was shredded since the backup is shredded, the rest is wrapped by the
// newest keys.
func (e *Engine) reconcile(ctx context.Context, by string) error {
	// A key that cannot be had now is not one that was destroyed.
	if _, err := e.keys.Inventory(); err != nil {
		return err
	}
	versions, err := e.registry.StoredVersions(ctx)
	if err != nil {
		return err
	}
	zones := map[string][]registry.DataVersion{}
	for _, v := range versions {
		zones[v.Zone] = append(zones[v.Zone], v)
	}
	for name, versions := range zones {
		var heirs []keys.Heir
		lives := map[int]zone.Rewrapped{}
		for i, v := range versions {
			lost, err := e.store.Lost(v.Zone, v.Dataset, v.Version, v.Manifest)
			if errors.Is(err, zone.ErrKey) || slices.Contains(lost, zone.EntityColumn) {
				continue
			}
			if err != nil {
				return err
			}
			r, err := e.store.Rewrap(v.Zone, v.Dataset, v.Version, v.Manifest, lost...)
			if err != nil {
				return err
			}
			lives[i], heirs = r, append(heirs, heirsOf(r)...)
		}
		if len(heirs) > 0 {
			if err := e.keys.Inherit(name, heirs); err != nil {
				return err
			}
		}
		err := e.update(ctx, func(tx *registry.Tx) error {
			for i, v := range versions {
				c := registry.DataChange{Zone: v.Zone, Dataset: v.Dataset, Version: v.Version, By: by, Reason: "restored"}
				r, ok := lives[i]
				if ok {
					if err := tx.Rewrapped(c, r.Manifest, r.Shredded...); err != nil {
						return err
					}
				} else if err := tx.Shredded(c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func verifies(key, text, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, text, signature)
}
