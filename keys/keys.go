// Package keys keeps the secrets of a domain in a folder that stands outside the
// domain folder, and the private key of one user in one file.
//
// What it guarantees. Nothing in the folder can be used without its KeyProvider,
// a passphrase or a server: that one unwraps one root keyset, the root keyset
// wraps every other key, and each wrapped key is bound to its place in the
// folder, so that two files cannot be swapped. The folder has mode 0700 and
// its files 0600; Open refuses anything wider. One process holds a folder at a
// time. A file is replaced as a whole or not at all: it is written under a
// temporary name, synced, renamed, and the folder is synced. A destroyed zone or
// hold key is gone from the memory of the Folder and from its files, and what it
// wrapped stays closed. With a provider that keeps separate keys (Vault) it stays
// closed for copies of the folder as well.
//
// What it does not guarantee. A copy of a passphrase folder taken before a key
// was destroyed still holds that key for whoever knows the passphrase: never back
// it up together with the domain folder. Overwriting reaches the old blocks only
// on a file system that writes in place. Keys in use are plain in the memory of
// the process, which therefore must not be dumpable.
//
// Read Open, Folder and KeyProvider first; Generate and LoadUser are the user's
// side.
package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Causes a caller may act on.
var (
	// ErrPassphrase says that the passphrase does not open the folder. A root
	// file that was altered gives the same error: authenticated encryption
	// cannot tell the two apart.
	ErrPassphrase = errors.New("wrong passphrase, or the key file was altered")
	// ErrNoKey says that the key was never made or has been destroyed.
	ErrNoKey = errors.New("no such key")
	// ErrExists says that the key or the folder is there already.
	ErrExists = errors.New("already exists")
	// ErrLocked says that another process holds the folder.
	ErrLocked = errors.New("key folder is in use by another process")
	// ErrPermission says that others than the owner can reach the file or folder.
	ErrPermission = errors.New("file or folder is open to group or others")
	// ErrDamaged says that a file is not what this package wrote in that place.
	ErrDamaged = errors.New("key file is damaged or stands in the wrong place")
	// ErrName says that a zone, hold or user name cannot be used.
	ErrName = errors.New("name is empty, too long or not printable")
)

// The fixed members of a folder. Zone and hold keys stand in folders of their own.
const (
	rootFile     = "root.json"
	lockFile     = "lock"
	registryFile = "registry.key"
	deriveFile   = "derive.key"
	releaseFile  = "release.key"
	auditFile    = "audit.key"
	zoneFolder   = "zones"
	holdFolder   = "holds"
)

// Folder is an open key folder. It is safe for concurrent use. Close it to let
// another process open it.
type Folder struct {
	dir      string
	provider KeyProvider
	lock     *os.File
	root     tink.AEAD
	now      func() time.Time

	registry tink.AEAD
	derive   *prf.Set
	release  *Signer
	audit    []byte // Ed25519 seed

	// changing keeps changes of zones' versions apart. The provider may be asked
	// while it is held; while mu is held never.
	changing sync.Mutex

	mu      sync.Mutex
	zones   map[string]zoneVersions // what has been read from the folder so far
	ended   int                     // how often something in zones ended
	holds   map[string]tink.AEAD
	unsaved map[string][]byte // files of hold keys that no Save has written
	blocked map[string]time.Time
}

// Create makes a key folder at dir whose keys p wraps, and opens it. The folder
// appears complete or not at all; ErrExists if dir holds anything.
func Create(dir string, p KeyProvider) (*Folder, error) {
	if err := create(filepath.Clean(dir), p); err != nil {
		return nil, fmt.Errorf("keys: create folder: %w", err)
	}
	return Open(dir, p)
}

func create(dir string, p KeyProvider) error {
	// Before the provider is asked for a key that nothing would need.
	if err := vacant(dir); err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if err := MakeFolder(parent); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, ".keys-*") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp, p); err != nil {
		return err
	}
	if err := vacant(dir); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return syncDir(parent)
}

// vacant returns ErrExists unless nothing or an empty folder is at dir.
func vacant(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return ErrExists
	}
	left, err := os.ReadDir(dir)
	if err == nil && len(left) > 0 {
		return ErrExists
	}
	return err
}

// fill writes every fixed member of a new folder.
func fill(dir string, p KeyProvider) error {
	rootSet, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	secret, err := serialize(rootSet)
	if err != nil {
		return err
	}
	defer clear(secret)
	wrapped, err := p.Wrap(secret, place(rootFile))
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, rootFile), wrapped); err != nil {
		return err
	}
	root, err := aead.New(rootSet)
	if err != nil {
		return err
	}
	for _, sub := range []string{zoneFolder, holdFolder} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	registry, err := newKeyset(aead.AES256GCMKeyTemplate(), root, registryFile)
	if err != nil {
		return err
	}
	derive, err := newKeyset(prf.HKDFSHA256PRFKeyTemplate(), root, deriveFile)
	if err != nil {
		return err
	}
	members := map[string][]byte{registryFile: registry, deriveFile: derive}
	for _, name := range []string{releaseFile, auditFile} {
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed) // never fails (crypto/rand, Go 1.24)
		wrapped, err := root.Encrypt(seed, place(name))
		if err != nil {
			return err
		}
		members[name] = wrapped
	}
	for name, data := range members {
		if err := writeFile(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// Open opens the key folder at dir.
//
// It returns ErrNoKey if there is no folder, ErrPermission if others can reach
// it, ErrLocked if another process holds it, ErrPassphrase if the passphrase
// does not open it, ErrOther if it is not this provider's, and ErrDamaged if a
// file was altered or moved. ErrAway and ErrForbidden come from the provider.
func Open(dir string, p KeyProvider) (*Folder, error) {
	f, err := open(filepath.Clean(dir), p)
	if err != nil {
		return nil, fmt.Errorf("keys: open folder: %w", err)
	}
	return f, nil
}

func open(dir string, p KeyProvider) (_ *Folder, err error) {
	for _, d := range []string{dir, filepath.Join(dir, zoneFolder), filepath.Join(dir, holdFolder)} {
		if err := checkDir(d); err != nil {
			return nil, err
		}
	}
	lock, err := lockFolder(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, err
	}
	f := &Folder{dir: dir, provider: p, lock: lock, now: time.Now,
		zones: map[string]zoneVersions{}, holds: map[string]tink.AEAD{}, unsaved: map[string][]byte{}}
	defer func() {
		if err != nil {
			unlockFolder(f.lock)
		}
	}()

	if err := f.openRoot(); err != nil {
		return nil, err
	}
	for _, d := range []string{dir, filepath.Join(dir, zoneFolder), filepath.Join(dir, holdFolder)} {
		if err := sweepNew(d); err != nil {
			return nil, err
		}
	}
	if _, ok := p.(passphrase); ok {
		f.provider = passphrase{} // it has told all there is to know
	}
	if f.blocked, err = f.readBlocked(); err != nil {
		return nil, err
	}
	if f.registry, err = f.readAEAD(registryFile); err != nil {
		return nil, err
	}
	data, err := readPrivate(filepath.Join(dir, deriveFile))
	if err != nil {
		return nil, err
	}
	if f.derive, err = openPRF(data, f.root, deriveFile); err != nil {
		return nil, err
	}
	if f.release, err = f.readSigner(); err != nil {
		return nil, err
	}
	if f.audit, err = f.readWrapped(auditFile); err != nil {
		return nil, err
	}
	if len(f.audit) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: %w", auditFile, ErrDamaged)
	}
	return f, nil
}

func (f *Folder) openRoot() error {
	data, err := readPrivate(filepath.Join(f.dir, rootFile))
	if err != nil {
		return err
	}
	secret, err := f.provider.Unwrap(data, place(rootFile))
	if err != nil {
		return err
	}
	defer clear(secret)
	root, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(secret)))
	if err != nil {
		return fmt.Errorf("%s: %w", rootFile, ErrDamaged)
	}
	f.root, err = aead.New(root)
	return err
}

// Close lets go of the folder. The Folder must not be used afterwards.
func (f *Folder) Close() error { return unlockFolder(f.lock) }

// RegistryAEAD returns the encryption of the registry's personal and large
// contents. It lives as long as the folder.
func (f *Folder) RegistryAEAD() tink.AEAD { return f.registry }

// ReleaseKey returns the 32-byte key under which tokens leave in the given
// scope: the license, followed by the release id where the license does not
// grant linkage over time. The same scope always gives the same key, and
// different scopes give unrelated ones.
func (f *Folder) ReleaseKey(license string, scope ...string) ([]byte, error) {
	key, err := f.derive.ComputePrimaryPRF(bind("release", append([]string{license}, scope...)...), derivedSize)
	if err != nil {
		return nil, fmt.Errorf("keys: derive release key: %w", err)
	}
	return key, nil
}

func (f *Folder) readAEAD(name string) (tink.AEAD, error) {
	data, err := readPrivate(filepath.Join(f.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	return openAEAD(data, f.root, name)
}

// readWrapped reads a member that the root encrypts.
func (f *Folder) readWrapped(name string) ([]byte, error) {
	data, err := readPrivate(filepath.Join(f.dir, name))
	if err != nil {
		return nil, err
	}
	plain, err := f.root.Decrypt(data, place(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	return plain, nil
}

// noKey turns a missing file into ErrNoKey.
func noKey(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoKey
	}
	return err
}
