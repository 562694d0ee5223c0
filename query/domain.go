package query

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/registry"
	"zonebox/workflow"
)

// The domain folder. Everything in it is ciphertext, digests, names of
// documents and times; keys stand outside.
const (
	identityFile = "domain.json"
	lockFile     = "lock"
	registryFile = "registry.db"
	zonesDir     = "zones"
	auditDir     = "audit"
	holdsDir     = "holds"
	artifactsDir = "artifacts"
	ledgerDir    = "ledger"
)

// AuditDir returns the audit log's folder of a domain.
func AuditDir(domain string) string { return filepath.Join(domain, auditDir) }

// ReadDomain returns the identity of the domain in a folder, without opening it.
func ReadDomain(domain string) (DomainInfo, error) {
	b, err := os.ReadFile(filepath.Join(domain, identityFile))
	if err != nil {
		return DomainInfo{}, fmt.Errorf("query: read domain: %w", err)
	}
	var d DomainInfo
	if err := json.Unmarshal(b, &d); err != nil {
		return DomainInfo{}, fmt.Errorf("query: read domain: %w", err)
	}
	return d, nil
}

// Founder is the first person of a domain and the city authority they belong
// to; only they can register everybody else.
type Founder struct {
	Organization, Title string
	User, RealName      string
	Key                 *keys.User
}

// Init makes a new domain: the folder cfg.Domain and the key folder cfg.Keys,
// both of which must not hold anything yet, the registry with the founder, and
// the audit log with its first entries. The identity file is written last, so
// that a folder without it is no domain.
func Init(ctx context.Context, cfg Config, f Founder) (err error) {
	if err := keysOutside(cfg); err != nil {
		return err
	}
	if entries, err := os.ReadDir(cfg.Domain); err == nil && len(entries) > 0 {
		return fmt.Errorf("query: make domain: %s: %w", cfg.Domain, fs.ErrExist)
	}
	for _, dir := range []string{"", zonesDir, auditDir, holdsDir, artifactsDir, ledgerDir} {
		if err := keys.MakeFolder(filepath.Join(cfg.Domain, dir)); err != nil {
			return fmt.Errorf("query: make domain: %w", err)
		}
	}
	p, err := keys.Create(cfg.Keys, cfg.provider())
	if err != nil {
		return fmt.Errorf("query: make domain: %w", err)
	}
	id := "zonebox-" + strings.ToLower(rand.Text()[:12])
	_, verifier, err := p.AuditSigner(id)
	if err != nil {
		return errors.Join(err, p.Close())
	}
	info := DomainInfo{ID: id, AuditKey: verifier}.signedBy(p.Signer())
	if err := p.Close(); err != nil {
		return fmt.Errorf("query: make domain: %w", err)
	}
	identity := filepath.Join(cfg.Domain, identityFile)
	if err := writeIdentity(identity, info); err != nil {
		return fmt.Errorf("query: make domain: %w", err)
	}
	e, err := Open(ctx, cfg)
	if err != nil {
		return errors.Join(err, os.Remove(identity))
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	docs, err := founding(f, e.cfg.Now())
	if err != nil {
		return err
	}
	_, err = e.apply(ctx, f.User, docs)
	return err
}

func founding(f Founder, at time.Time) ([]registry.Document, error) {
	name := f.RealName
	if name == "" {
		name = f.User
	}
	var docs []registry.Document
	for _, d := range []struct {
		kind, name string
		spec       any
	}{
		{registry.KindOrganization, f.Organization, registry.Organization{Title: f.Title, Kind: "city_authority", OrgForm: "unincorporated"}},
		{registry.KindPerson, f.User, registry.Person{RealName: name, Organization: f.Organization, Roles: []string{registry.RoleCityAuthority},
			Permissions: []string{registry.PermissionExport, registry.PermissionRecipe, registry.PermissionDestroy},
			Status:      "active", SigningKey: f.Key.SigningKey(), RecipientKey: f.Key.RecipientKey()}},
	} {
		spec, err := json.Marshal(d.spec)
		if err != nil {
			return nil, fmt.Errorf("query: make domain: %w", err)
		}
		doc := registry.Document{Kind: d.kind, Name: d.name, Spec: spec}
		doc.Sign(f.User, f.Key.Private(), at)
		docs = append(docs, doc)
	}
	return docs, nil
}

// signedBy returns d with the signing keys of the gate.
func (d DomainInfo) signedBy(s *keys.Signer) DomainInfo {
	d.GateKey, d.Former = base64.StdEncoding.EncodeToString(s.Public()), s.Former()
	return d
}

func writeIdentity(path string, d DomainInfo) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return writeDurable(path, append(text, '\n'))
}

// identify writes the signing key into the identity file, should a rotation have
// been interrupted before that.
func (e *Engine) identify() error {
	if now := e.Domain(); now.GateKey != e.info.GateKey {
		return writeIdentity(filepath.Join(e.cfg.Domain, identityFile), now)
	}
	return nil
}

// keysOutside refuses a key folder inside the domain folder: a copy of the
// domain must not carry its keys.
func keysOutside(cfg Config) error {
	domain, err := resolved(cfg.Domain)
	if err != nil {
		return fmt.Errorf("query: domain folder: %w", err)
	}
	keys, err := resolved(cfg.Keys)
	if err != nil {
		return fmt.Errorf("query: key folder: %w", err)
	}
	if rel, err := filepath.Rel(domain, keys); err != nil || rel != ".." && !strings.HasPrefix(rel, "../") {
		return fmt.Errorf("query: key folder %s lies inside the domain folder", cfg.Keys)
	}
	return nil
}

// resolved returns the absolute path without links, as far as there is something
// at it already.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", errors.New("a link that leads nowhere")
	}
	parent, err := resolved(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// openAudit opens the audit log of a domain under the key of its provider.
func openAudit(ctx context.Context, cfg Config, id string, p *keys.Folder) (*audit.Log, error) {
	signing, verifier, err := p.AuditSigner(id)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(signing)
	if err != nil {
		return nil, fmt.Errorf("query: audit key: %w", err)
	}
	return audit.Open(ctx, AuditDir(cfg.Domain), signer, audit.Config{Verifier: verifier})
}

func openRegistry(ctx context.Context, cfg Config, p *keys.Folder) (*registry.Registry, error) {
	return registry.Open(ctx, filepath.Join(cfg.Domain, registryFile), registry.Config{AEAD: p.RegistryAEAD(), Now: cfg.Now, Workspaces: workspaces{p}}, workflow.Migrations)
}
