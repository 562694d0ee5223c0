package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/emmansun/gmsm/sm2"
	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// userFormat names the version of a user key file.
const userFormat = "zonebox-user-1"

const sm2KeySize = 32 // bytes

// User is the private key of one person: an Ed25519 key that signs requests and
// documents, and the key that results are encrypted to, of HPKE (RFC 9180: X25519,
// HKDF-SHA256, AES-256-GCM) or of SM2 (GB/T 32918). It prints and logs as its name
// alone.
type User struct {
	name      string
	signing   ed25519.PrivateKey
	recipient *keyset.Handle  // nil of a person with a key of SM2
	national  *sm2.PrivateKey // nil of any other
	published string          // the public half of either, as the Person document holds it
}

type userDocument struct {
	Format    string `json:"format"`
	Name      string `json:"name"`
	Signing   []byte `json:"signing_key"`             // Ed25519 seed
	Recipient []byte `json:"recipient_key,omitempty"` // Tink keyset with the private key
	SM2       []byte `json:"sm2_key,omitempty"`       // in its place: 32 bytes
}

// Generate makes a new key for the person called name.
func Generate(name string) (*User, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("keys: generate user key: %w", err)
	}
	_, signing, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("keys: generate user key: %w", err)
	}
	recipient, err := keyset.NewHandle(hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_Key_Template())
	if err != nil {
		return nil, fmt.Errorf("keys: generate user key: %w", err)
	}
	return newUser(name, signing, recipient)
}

// GenerateSM2 makes a new key for the person called name, to whom results are encrypted
// by SM2.
func GenerateSM2(name string) (*User, error) {
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("keys: generate user key: %w", err)
	}
	_, signing, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("keys: generate user key: %w", err)
	}
	national, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("keys: generate user key: %w", err)
	}
	return newUserSM2(name, signing, national)
}

func newUserSM2(name string, signing ed25519.PrivateKey, national *sm2.PrivateKey) (*User, error) {
	public, err := pointOf(national)
	if err != nil {
		return nil, fmt.Errorf("keys: user key: %w", ErrDamaged)
	}
	return &User{name: name, signing: signing, national: national, published: base64.StdEncoding.EncodeToString(public)}, nil
}

func newUser(name string, signing ed25519.PrivateKey, recipient *keyset.Handle) (*User, error) {
	public, err := recipient.Public()
	if err != nil {
		return nil, fmt.Errorf("keys: user key: %w", ErrDamaged)
	}
	var buf bytes.Buffer
	if err := public.WriteWithNoSecrets(keyset.NewBinaryWriter(&buf)); err != nil {
		return nil, fmt.Errorf("keys: user key: %w", ErrDamaged)
	}
	published := base64.StdEncoding.EncodeToString(buf.Bytes())
	return &User{name: name, signing: signing, recipient: recipient, published: published}, nil
}

// SaveUser writes u to a new file at path with mode 0600. The file is not
// encrypted: whoever reads it is that person. ErrExists if something stands at
// path, for a key that is overwritten is lost.
func SaveUser(path string, u *User) error {
	d := userDocument{Format: userFormat, Name: u.name, Signing: u.signing.Seed()}
	if u.national != nil {
		d.SM2 = u.national.D.FillBytes(make([]byte, sm2KeySize))
	} else {
		var buf bytes.Buffer
		if err := insecurecleartextkeyset.Write(u.recipient, keyset.NewBinaryWriter(&buf)); err != nil {
			return fmt.Errorf("keys: save user key: %w", err)
		}
		d.Recipient = buf.Bytes()
	}
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("keys: save user key: %w", err)
	}
	// Taking the name first keeps two savers from replacing each other's key.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keys: save user key: %w", ErrExists)
	}
	if err != nil {
		return fmt.Errorf("keys: save user key: %w", err)
	}
	f.Close()
	if err := writeFile(path, append(data, '\n')); err != nil {
		os.Remove(path) // for the next try
		return fmt.Errorf("keys: save user key: %w", err)
	}
	return nil
}

// LoadUser reads a file that SaveUser wrote. It returns ErrPermission if group
// or others can reach the file, ErrNoKey if it is missing and ErrDamaged if it
// is not a user key.
func LoadUser(path string) (*User, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("keys: load user key: %w", err)
	}
	var d userDocument
	if err := decodeStrict(data, &d); err != nil ||
		d.Format != userFormat || checkName(d.Name) != nil || len(d.Signing) != ed25519.SeedSize {
		return nil, fmt.Errorf("keys: load user key: %w", ErrDamaged)
	}
	if d.SM2 != nil {
		national, err := sm2.NewPrivateKey(d.SM2)
		if err != nil || d.Recipient != nil {
			return nil, fmt.Errorf("keys: load user key: %w", ErrDamaged)
		}
		return newUserSM2(d.Name, ed25519.NewKeyFromSeed(d.Signing), national)
	}
	recipient, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(d.Recipient)))
	if err != nil {
		return nil, fmt.Errorf("keys: load user key: %w", ErrDamaged)
	}
	return newUser(d.Name, ed25519.NewKeyFromSeed(d.Signing), recipient)
}

// Name returns the person's name.
func (u *User) Name() string { return u.name }

// Sign returns the person's Ed25519 signature of msg.
func (u *User) Sign(msg []byte) []byte { return ed25519.Sign(u.signing, msg) }

// Private returns the signing key, for document signatures.
func (u *User) Private() ed25519.PrivateKey { return u.signing }

// Recipient returns the private keyset that opens results sealed to this person, nil
// if that is a key of SM2.
func (u *User) Recipient() *keyset.Handle { return u.recipient }

// RecipientSM2 returns the private key of SM2 that opens results sealed to this person,
// nil if that is a keyset.
func (u *User) RecipientSM2() *sm2.PrivateKey { return u.national }

// SigningKey returns the public signing key in base64, as the Person document
// holds it.
func (u *User) SigningKey() string {
	return base64.StdEncoding.EncodeToString(u.signing.Public().(ed25519.PublicKey))
}

// RecipientKey returns the public keyset, or the uncompressed point of a key of SM2,
// in base64, as the Person document holds it.
func (u *User) RecipientKey() string { return u.published }

// String returns the name; the key never prints.
func (u *User) String() string { return u.name }
