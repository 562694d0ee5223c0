package keys

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	streaming "github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// BackupKey encrypts the parts of one backup, whatever their length, in segments
// of 1 MiB (the streaming AEAD of Tink, AES-256-GCM-HKDF): a part that was cut,
// or of which segments changed places, does not open.
type BackupKey struct {
	id   string
	aead *streaming.AESGCMHKDF
}

const backupSegment = 1 << 20

// NewBackup makes the key of the backup id and returns it wrapped under the keys of
// BackupSpace, which it makes at first use.
func (f *Folder) NewBackup(id string) (*BackupKey, []byte, error) {
	if err := f.CreateZone(BackupSpace); err != nil && !errors.Is(err, ErrExists) {
		return nil, nil, fmt.Errorf("keys: backup key: %w", err)
	}
	secret := make([]byte, derivedSize)
	rand.Read(secret)
	defer clear(secret)
	wrapped, err := f.Wrap(BackupSpace, secret, bind("backup", id))
	if err != nil {
		return nil, nil, err
	}
	k, err := newBackupKey(id, secret)
	return k, wrapped, err
}

// OpenBackup returns the key of the backup id; errors as of Unwrap.
func (f *Folder) OpenBackup(id string, wrapped []byte) (*BackupKey, error) {
	secret, err := f.Unwrap(BackupSpace, wrapped, bind("backup", id))
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return newBackupKey(id, secret)
}

func newBackupKey(id string, secret []byte) (*BackupKey, error) {
	aead, err := streaming.NewAESGCMHKDF(secret, "SHA256", 32, backupSegment, 0)
	if err != nil {
		return nil, fmt.Errorf("keys: backup key: %w", err)
	}
	return &BackupKey{id, aead}, nil
}

// Writer returns what encrypts a part to w. It must be closed.
func (k *BackupKey) Writer(w io.Writer, part string) (io.WriteCloser, error) {
	return k.aead.NewEncryptingWriter(w, bind("backup part", k.id, part))
}

// Reader returns what Writer was given. Its Read returns an error where the part
// is not what was written.
func (k *BackupKey) Reader(r io.Reader, part string) (io.Reader, error) {
	return k.aead.NewDecryptingReader(r, bind("backup part", k.id, part))
}
