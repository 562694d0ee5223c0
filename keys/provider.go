package keys

import (
	"errors"
	"time"
)

// A KeyProvider keeps the keys that the keys of a folder are wrapped with, and
// never gives one out: Passphrase derives one for as long as it needs it, Vault
// asks a server.
//
// A module behind GM/T 0018 (SDF) or PKCS#11 fits the same four methods. It
// wraps inside the module under a key that cannot be exported, and tells in
// Describe what it can and the number of its product certificate; there is none
// in this package.
//
// A KeyProvider is safe for concurrent use. When it cannot be reached it returns
// ErrAway, and never what an earlier call gave. No error of it holds a key.
type KeyProvider interface {
	// Wrap makes a key that is used for nothing else, and encrypts secret with it,
	// bound to aad. What it returns is all that Unwrap needs.
	Wrap(secret, aad []byte) (wrapped []byte, err error)
	// Unwrap returns the secret. ErrNoKey if the key that wrapped it was destroyed,
	// ErrDamaged if wrapped was not made for aad.
	Unwrap(wrapped, aad []byte) (secret []byte, err error)
	// Destroy ends the key that wrapped was made with: neither wrapped nor a copy
	// of it opens any more. ErrNoKey if it has ended.
	Destroy(wrapped, aad []byte) error
	// Describe says what the provider is. It asks nobody.
	Describe() Description
}

// Description is what a KeyProvider reports of itself: what an assessment of
// cryptography (密评) asks, and what the folder must know to use it.
type Description struct {
	// Kind is KindPassphrase, KindVault or KindDevice.
	Kind string
	// Place is where the keys are, as an administrator would look for them.
	Place string
	// Algorithm is what wraps.
	Algorithm string
	// Separate says that it keeps as many keys as it is asked for, each of which
	// can be destroyed: each version of a zone's keys then has one. Otherwise it
	// wraps the root alone, and the root wraps the rest.
	Separate bool
	// Lease is how long the folder may use what it unwrapped before it asks again;
	// 0 is as long as it is open.
	Lease time.Duration
	// Certificate is the number of the module's commercial cryptography product
	// certificate 商用密码产品认证证书. It is empty for everything in this package.
	Certificate string
}

// The kinds of providers.
const (
	KindPassphrase = "passphrase"
	KindVault      = "vault"
	KindDevice     = "device"
)

// Causes a KeyProvider gives besides ErrNoKey and ErrDamaged.
var (
	// ErrAway says that the provider cannot be reached, is sealed or failed.
	ErrAway = errors.New("key provider cannot be reached or is sealed")
	// ErrForbidden says that the provider does not accept the credentials, or that
	// these do not allow what was asked.
	ErrForbidden = errors.New("key provider refused the credentials")
	// ErrOther says that the folder was made with another kind of provider.
	ErrOther = errors.New("folder was made with another key provider")
)
