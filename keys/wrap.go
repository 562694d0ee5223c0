package keys

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// derivedSize is the size in bytes of every key derived with HKDF.
const derivedSize = 32

// bind joins a purpose and its parts into one unambiguous byte string: each part
// is preceded by its length, so that ("ab","c") and ("a","bc") differ.
func bind(purpose string, parts ...string) []byte {
	b := append([]byte("zonebox keys 1 "), purpose...)
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// place is the associated data of a wrapped key: the slash-separated name of its
// file inside the folder.
func place(name string) []byte { return bind("file", name) }

// serialize returns the bytes of a keyset, keys included.
func serialize(h *keyset.Handle) ([]byte, error) {
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewBinaryWriter(&buf)); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// newKeyset makes a keyset and returns it wrapped by root for the given place.
func newKeyset(template *tinkpb.KeyTemplate, root tink.AEAD, name string) ([]byte, error) {
	h, err := keyset.NewHandle(template)
	if err != nil {
		return nil, err
	}
	return wrapKeyset(h, root, name)
}

func wrapKeyset(h *keyset.Handle, root tink.AEAD, name string) ([]byte, error) {
	var buf bytes.Buffer
	if err := h.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), root, place(name)); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func openKeyset(data []byte, root tink.AEAD, name string) (*keyset.Handle, error) {
	h, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(data)), root, place(name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	return h, nil
}

func openAEAD(data []byte, root tink.AEAD, name string) (tink.AEAD, error) {
	h, err := openKeyset(data, root, name)
	if err != nil {
		return nil, err
	}
	return aead.New(h)
}

func openPRF(data []byte, root tink.AEAD, name string) (*prf.Set, error) {
	h, err := openKeyset(data, root, name)
	if err != nil {
		return nil, err
	}
	return prf.NewPRFSet(h)
}
