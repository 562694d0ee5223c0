package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/mod/sumdb/note"
)

// Signer is the gate's Ed25519 key with the key of SM2 that is made of it, and the
// public halves of the Ed25519 keys it followed.
// It signs release headers and store manifests; each of them starts with bytes
// that name what it is, so that one never passes for the other, nor for a certificate
// (Certificate), which is ASN.1. It is safe for concurrent use.
type Signer struct {
	mu      sync.RWMutex
	key     ed25519.PrivateKey
	created time.Time
	former  []Succession // the newest last
}

// Succession says that a signing key was followed by another, by the word of the
// one that was followed: whoever trusts Key may trust Next.
type Succession struct {
	Key       ed25519.PublicKey `json:"key"`
	Next      ed25519.PublicKey `json:"next"`
	Created   time.Time         `json:"created"` // Key was
	At        time.Time         `json:"at"`
	Signature []byte            `json:"signature"` // by Key
}

// Holds reports whether Key signed that Next follows it.
func (s Succession) Holds() bool {
	return len(s.Key) == ed25519.PublicKeySize && len(s.Next) == ed25519.PublicKeySize &&
		ed25519.Verify(s.Key, succession(s.Key, s.Next), s.Signature)
}

// succession is what a key signs of the one that follows it. No magic of a
// release or a manifest begins like it.
func succession(key, next ed25519.PublicKey) []byte {
	return bind("signing key", string(key), string(next))
}

// Signer returns the gate's signing key. It lives as long as the folder.
func (f *Folder) Signer() *Signer { return f.release }

// Sign returns the Ed25519 signature of msg by the current key.
func (s *Signer) Sign(msg []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ed25519.Sign(s.key, msg)
}

// SignSM2 returns the signature of msg by the current key of SM2 (GB/T 32918.2, ASN.1,
// the default identity), and its public point, uncompressed. That key is made of the
// seed of the Ed25519 key: it is rotated and ends with it.
func (s *Signer) SignSM2(msg []byte) (signature, public []byte, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	key, err := nationalOf(s.key.Seed())
	if err != nil {
		return nil, nil, fmt.Errorf("keys: sign by SM2: %w", err)
	}
	if public, err = pointOf(key); err != nil {
		return nil, nil, fmt.Errorf("keys: sign by SM2: %w", err)
	}
	if signature, err = key.Sign(rand.Reader, msg, sm2.DefaultSM2SignerOpts); err != nil {
		return nil, nil, fmt.Errorf("keys: sign by SM2: %w", err)
	}
	return signature, public, nil
}

// nationalOf derives a key of SM2 from a seed: one of 1 to n-2 (GB/T 32918.1), of so
// many more bits than n has that none is likelier.
func nationalOf(seed []byte) (*sm2.PrivateKey, error) {
	info := sm3.Sum(bind("signing key of SM2"))
	secret := sm3.Kdf(slices.Concat(seed, info[:]), 48)
	defer clear(secret)
	last := new(big.Int).Sub(sm2.P256().Params().N, big.NewInt(2))
	d := new(big.Int).Mod(new(big.Int).SetBytes(secret), last)
	return sm2.NewPrivateKeyFromInt(d.Add(d, big.NewInt(1)))
}

// pointOf returns the public point of a key, uncompressed.
func pointOf(key *sm2.PrivateKey) ([]byte, error) {
	public, err := sm2.PublicKeyToECDH(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	return public.Bytes(), nil
}

// Verify tells whether sig is a signature of msg by the current key or by one
// that it followed.
func (s *Signer) Verify(msg, sig []byte) bool {
	for _, public := range s.Publics() {
		if ed25519.Verify(public, msg, sig) {
			return true
		}
	}
	return false
}

// Public returns the current public key, that recipients check releases with.
func (s *Signer) Public() ed25519.PublicKey { return s.Publics()[0] }

// Publics returns the current public key and those it followed, the newest first.
func (s *Signer) Publics() []ed25519.PublicKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []ed25519.PublicKey{s.key.Public().(ed25519.PublicKey)}
	for _, f := range slices.Backward(s.former) {
		out = append(out, f.Key)
	}
	return out
}

// Former returns how the current key came to be, the oldest first.
func (s *Signer) Former() []Succession {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.former)
}

// signerDocument is what the file of the signing key holds, encrypted, once it
// was rotated. Before, it holds the seed alone.
type signerDocument struct {
	Seed    []byte       `json:"seed"`
	Created time.Time    `json:"created"`
	Former  []Succession `json:"former"`
}

// RotateSigner makes a new signing key and returns its version. The earlier one
// signs that this one follows it and is destroyed; what it signed still verifies.
func (f *Folder) RotateSigner() (version int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.release
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	defer clear(seed)
	next := ed25519.NewKeyFromSeed(seed)
	s.mu.RLock()
	key, created, former := s.key, s.created, slices.Clone(s.former)
	s.mu.RUnlock()
	public, nextPublic := key.Public().(ed25519.PublicKey), next.Public().(ed25519.PublicKey)
	now := f.now().UTC()
	former = append(former, Succession{public, nextPublic, created, now, ed25519.Sign(key, succession(public, nextPublic))})

	plain, err := json.Marshal(signerDocument{seed, now, former})
	if err != nil {
		return 0, fmt.Errorf("keys: rotate signing key: %w", err)
	}
	defer clear(plain)
	wrapped, err := f.root.Encrypt(plain, place(releaseFile))
	if err != nil {
		return 0, fmt.Errorf("keys: rotate signing key: %w", err)
	}
	if err := replaceFile(filepath.Join(f.dir, releaseFile), wrapped); err != nil {
		return 0, fmt.Errorf("keys: rotate signing key: %w", err)
	}
	s.mu.Lock()
	s.key, s.created, s.former = next, now, former
	s.mu.Unlock()
	return len(former) + 1, nil
}

func (f *Folder) readSigner() (*Signer, error) {
	plain, err := f.readWrapped(releaseFile)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if len(plain) == ed25519.SeedSize {
		created, err := modified(filepath.Join(f.dir, releaseFile))
		return &Signer{key: ed25519.NewKeyFromSeed(plain), created: created}, err
	}
	var d signerDocument
	if err := decodeStrict(plain, &d); err != nil || len(d.Seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: %w", releaseFile, ErrDamaged)
	}
	return &Signer{key: ed25519.NewKeyFromSeed(d.Seed), created: d.Created, former: d.Former}, nil
}

// AuditSigner returns the key of the audit log under the given origin, as the
// signer and verifier strings of signed notes (golang.org/x/mod/sumdb/note):
// skey is secret, vkey is handed to auditors. One folder has one audit key; the
// origin, unique to the domain, becomes the key's name. ErrName if note does not
// allow it.
func (f *Folder) AuditSigner(origin string) (skey, vkey string, err error) {
	if checkName(origin) != nil {
		return "", "", fmt.Errorf("keys: audit signer: %w", ErrName)
	}
	// GenerateKey reads exactly the seed, so the same folder and origin always
	// give the same strings.
	skey, vkey, err = note.GenerateKey(bytes.NewReader(f.audit), origin)
	if err != nil {
		return "", "", fmt.Errorf("keys: audit signer: %w", err)
	}
	if _, err := note.NewSigner(skey); err != nil {
		return "", "", fmt.Errorf("keys: audit signer: %w", ErrName)
	}
	return skey, vkey, nil
}
