package policy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/bundle"
)

// ErrBundle means that a bundle is not to be used: damaged, unsigned, signed by
// somebody else, or with rules that no expert may write.
var ErrBundle = errors.New("bundle is not to be used")

// algorithm is the one that people sign with; what a token says of itself is not
// asked (RFC 8725 §3.1).
const algorithm = "EdDSA"

// Bundle is a signed set of expert rules and packs, checked and ready to be used
// by an Evaluator. The archive is one of OPA's, so that its own tools read it.
type Bundle struct {
	Revision int64
	Signer   string // who signed, as the keys of Read name them
	Digest   string // SHA-256 of the archive, hex
	Modules  []string
	Packs    []string

	expert map[string]string // text by file name
	packs  map[string][]byte // by pack id
}

// manifest is what .manifest holds, and nothing else.
type manifest struct {
	Revision    string   `json:"revision"`
	Roots       []string `json:"roots"`
	RegoVersion int      `json:"rego_version"`
}

var roots = []string{"packs", "zonebox/expert"}

// Build returns the unsigned archive of the expert rules (expert/NAME.rego) and
// packs (packs/ID/data.json) below the root of dir, which holds nothing else, with
// a revision above 0. The rules are compiled, so that what Build takes Read takes.
func Build(dir fs.FS, revision int64) ([]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !fileName.MatchString(name) {
			return fmt.Errorf("policy: build bundle: %s is neither expert/NAME.rego nor packs/ID/data.json: %w", name, ErrBundle)
		}
		content, err := fs.ReadFile(dir, name)
		if err == nil && strings.HasSuffix(name, ".json") {
			content, err = canonical(content)
		}
		files[name] = content
		return err
	})
	if err != nil {
		return nil, err
	}
	if files[manifestFile], err = json.Marshal(manifest{strconv.FormatInt(revision, 10), roots, 1}); err != nil {
		return nil, err
	}
	if _, err := content(files); err != nil {
		return nil, fmt.Errorf("policy: build bundle: %w: %w", err, ErrBundle)
	}
	return pack(files)
}

// Sign returns the archive raw with the signature of signer in place of any that
// it has. The name of the signer is the key id, which OPA must not have to guess.
func Sign(raw []byte, signer string, key ed25519.PrivateKey) ([]byte, error) {
	files, err := unpack(raw)
	if err != nil {
		return nil, fmt.Errorf("policy: sign bundle: %w: %w", err, ErrBundle)
	}
	if signer == "" {
		return nil, fmt.Errorf("policy: sign bundle: no key id: %w", ErrBundle)
	}
	delete(files, signatureFile)
	if _, err := content(files); err != nil {
		return nil, fmt.Errorf("policy: sign bundle: %w: %w", err, ErrBundle)
	}
	var claims []opa.FileInfo
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum, err := fileHash(name, files[name])
		if err != nil {
			return nil, fmt.Errorf("policy: sign bundle: %w", err)
		}
		claims = append(claims, opa.NewFile(name, sum, opa.SHA256.String()))
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("policy: sign bundle: %w", err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	token, err := opa.GenerateSignedToken(claims, opa.NewSigningConfig(block, algorithm, ""), signer)
	if err != nil {
		return nil, errors.New("policy: sign bundle: no token was made") // the cause may quote the key
	}
	if files[signatureFile], err = json.Marshal(opa.SignaturesConfig{Signatures: []string{token}}); err != nil {
		return nil, fmt.Errorf("policy: sign bundle: %w", err)
	}
	return pack(files)
}

// fileHash is the digest that OPA has of a file: of what JSON says, of any other
// file's bytes.
func fileHash(name string, raw []byte) (string, error) {
	var value any = raw
	if opa.IsStructuredDoc(name) {
		var err error
		if value, err = decode(raw); err != nil {
			return "", err
		}
	}
	hasher, err := opa.NewSignatureHasher(opa.SHA256)
	if err != nil {
		return "", err
	}
	sum, err := hasher.HashFile(value)
	return hex.EncodeToString(sum), err
}

// Read returns the bundle of an archive as it comes from outside, whose signer is
// one of keys. It refuses everything that is not, to the byte, what Sign made of
// what Build made. Errors wrap ErrBundle and hold nothing of the content.
func Read(raw []byte, keys map[string]ed25519.PublicKey) (*Bundle, error) {
	b, files, err := read(raw, keys)
	if err == nil {
		err = exact(raw, files)
	}
	if err != nil {
		return nil, fmt.Errorf("policy: read bundle: %w: %w", err, ErrBundle)
	}
	return b, nil
}

// Restore is Read for an archive that Read has taken, by whatever release of the
// program, and that was kept where nobody else writes.
func Restore(raw []byte, keys map[string]ed25519.PublicKey) (*Bundle, error) {
	b, _, err := read(raw, keys)
	if err != nil {
		return nil, fmt.Errorf("policy: restore bundle: %w: %w", err, ErrBundle)
	}
	return b, nil
}

// SignerOf returns whom an archive names as its signer, without any word on whether
// that is so.
func SignerOf(raw []byte) (string, error) {
	files, err := unpack(raw)
	if err != nil {
		return "", fmt.Errorf("policy: read bundle: %w: %w", err, ErrBundle)
	}
	signer, err := claimed(files[signatureFile])
	if err != nil {
		return "", fmt.Errorf("policy: read bundle: %w: %w", err, ErrBundle)
	}
	return signer, nil
}

func read(raw []byte, keys map[string]ed25519.PublicKey) (*Bundle, map[string][]byte, error) {
	files, err := unpack(raw)
	if err != nil {
		return nil, nil, err
	}
	signer, err := claimed(files[signatureFile])
	if err != nil {
		return nil, nil, err
	}
	key, ok := keys[signer]
	if !ok || len(key) != ed25519.PublicKeySize {
		return nil, nil, errors.New("signer is nobody who may sign")
	}
	if err := verify(raw, signer, key); err != nil {
		return nil, nil, err
	}
	b, err := content(files)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(raw)
	b.Signer, b.Digest = signer, hex.EncodeToString(sum[:])
	return b, files, nil
}

// claimed returns the key id of the one signature, which must be written in the
// one way that there is and name every digest as SHA-256: OPA takes MD5 too.
func claimed(raw []byte) (string, error) {
	refused := errors.New("signature is missing or not of the form of ours")
	var s opa.SignaturesConfig
	if json.Unmarshal(raw, &s) != nil || len(s.Signatures) != 1 || s.Plugin != "" {
		return "", refused
	}
	if again, err := json.Marshal(s); err != nil || !bytes.Equal(again, raw) {
		return "", refused
	}
	parts := strings.Split(s.Signatures[0], ".")
	if len(parts) != 3 {
		return "", refused
	}
	var plain [3][]byte
	for i, part := range parts {
		var err error
		if plain[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || len(plain[i]) == 0 {
			return "", refused
		}
	}
	var header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ,omitempty"`
	}
	var payload struct {
		Files []opa.FileInfo `json:"files"`
		KeyID string         `json:"keyid"`
	}
	if strict(plain[0], &header) != nil || strict(plain[1], &payload) != nil ||
		header.Algorithm != algorithm || header.KeyID == "" || payload.KeyID != header.KeyID {
		return "", refused
	}
	named := map[string]bool{}
	for _, f := range payload.Files {
		if f.Algorithm != opa.SHA256.String() || named[f.Name] {
			return "", refused
		}
		named[f.Name] = true
	}
	return header.KeyID, nil
}

// verify has OPA check the signature and the digest of every file.
func verify(raw []byte, signer string, key ed25519.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return errors.New("key of the signer is none")
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	config := opa.NewVerificationConfig(map[string]*opa.KeyConfig{signer: {Key: block, Algorithm: algorithm}}, signer, "", nil)
	_, err = opa.NewReader(bytes.NewReader(raw)).
		WithBundleVerificationConfig(config).
		WithCapabilities(expertCapabilities()).
		WithRegoVersion(ast.RegoV1).
		WithSizeLimitBytes(maxFile).
		WithLazyLoadingMode(false).
		Read()
	if err != nil {
		return errors.New("signature does not fit") // the cause may quote the content
	}
	return nil
}

// content returns what the files of an archive say, the signature apart. All of it
// is compiled and checked against its schema.
func content(files map[string][]byte) (*Bundle, error) {
	var m manifest
	if err := strict(files[manifestFile], &m); err != nil {
		return nil, errors.New("manifest is missing or not of the form of ours")
	}
	revision, err := strconv.ParseInt(m.Revision, 10, 64)
	if err != nil || revision < 1 || m.Revision != strconv.FormatInt(revision, 10) || m.RegoVersion != 1 || !slices.Equal(m.Roots, roots) {
		return nil, errors.New("manifest has no revision above 0, or other roots than a bundle's")
	}
	b := &Bundle{Revision: revision, expert: map[string]string{}, packs: map[string][]byte{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case name == manifestFile || name == signatureFile:
		case strings.HasSuffix(name, ".rego"):
			b.expert[name] = string(files[name])
			b.Modules = append(b.Modules, strings.TrimSuffix(strings.TrimPrefix(name, "expert/"), ".rego"))
		default:
			if again, err := canonical(files[name]); err != nil || !bytes.Equal(again, files[name]) {
				return nil, fmt.Errorf("%s is not canonical JSON", name)
			}
			id := strings.Split(name, "/")[1]
			b.packs[id] = files[name]
			b.Packs = append(b.Packs, id)
		}
	}
	if len(b.expert)+len(b.packs) == 0 {
		return nil, errors.New("it holds neither rules nor packs")
	}
	if _, err := compileExpert(b.expert); err != nil {
		return nil, err
	}
	if _, err := loadBundle(nil, b); err != nil {
		return nil, err
	}
	return b, nil
}

// canonical writes JSON in the one form that a bundle has: no spaces, keys sorted,
// numbers as they were. It refuses what is nested too deep or names a key twice.
func canonical(raw []byte) ([]byte, error) {
	if deeper(raw, maxJSONDepth) {
		return nil, fmt.Errorf("JSON is nested deeper than %d: %w", maxJSONDepth, ErrBundle)
	}
	value, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", ErrBundle)
	}
	return json.Marshal(value)
}

// deeper reports whether raw opens more than limit brackets at once, those in
// strings counted too.
func deeper(raw []byte, limit int) bool {
	depth := 0
	for _, c := range raw {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth > limit {
			return true
		}
	}
	return false
}

// strict decodes raw, which must be written as v is written again.
func strict(raw []byte, v any) error {
	if deeper(raw, maxJSONDepth) {
		return errors.New("JSON is nested too deep")
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return err
	}
	if again, err := json.Marshal(v); err != nil || !bytes.Equal(again, raw) {
		return errors.New("JSON is not written as ours")
	}
	return nil
}
