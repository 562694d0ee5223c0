package release_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log"
	"os"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"zonebox/release"
)

// A recipient's own program opens a sealed file with the keyset of its user key file
// (of a key of SM2, release.Key{SM2: …}) and the gate's public key as it was pinned.
func ExampleOpen() {
	file, err := os.ReadFile("testdata/second-csv.zbx")
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile("testdata/recipient.json")
	if err != nil {
		log.Fatal(err)
	}
	private, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		log.Fatal(err)
	}
	gate, err := base64.StdEncoding.DecodeString("iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=")
	if err != nil {
		log.Fatal(err)
	}

	opened, err := release.Open(file, release.Key{HPKE: private}, ed25519.PublicKey(gate))
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Release()
	source := opened.Label.Sources[0]
	fmt.Println(opened.Label.License, source.Dataset, source.Provider, source.Acquired)
	fmt.Printf("%s of %d rows:\n%s", opened.Form, opened.Rows[0].NumRows(), opened.Content)
	// Output:
	// lic-1 visits 南京市卫生健康委员会 2025-03-01
	// csv of 1 rows:
	// district,n,s
	// 320102,40,4.5
}
