package release_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"zonebox/release"
)

func encoded(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Whatever the signature of the zone and the key of the recipient, and whatever the
// form: the recipient opens it, nobody else does, and no byte of it can be changed.
func TestEverySuiteOpensForItsRecipientAlone(t *testing.T) {
	private, public := newRecipient(t, suite)
	other, _ := newRecipient(t, suite)
	national, point := recipientSM2(t)
	otherSM2, err := sm2.NewPrivateKey(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for _, signature := range []string{release.Ed25519, release.SM2} {
		for _, c := range []struct {
			to        string
			key       release.Key
			strangers []release.Key
		}{
			{public, release.Key{HPKE: private}, []release.Key{{HPKE: other}, {SM2: national}}},
			{encoded(point), release.Key{SM2: national}, []release.Key{{SM2: otherSM2}, {HPKE: private}}},
		} {
			h, err := release.Hold(sample(t), "run-1", newAEAD(t))
			if err != nil {
				t.Fatal(err)
			}
			how := to(c.to)
			how.Signature, how.Form = signature, release.FormCSV
			a, err := h.Seal(how, newGate(1))
			if err != nil {
				t.Fatal(err)
			}
			o, err := release.Open(a.Bytes(), c.key, newGate(1).public())
			if err != nil {
				t.Fatal(err)
			}
			if string(o.Content) != "district,n,s\n320102,40,4.5\n" || o.Signature != signature {
				t.Errorf("%s: content = %q", o.Signature, o.Content)
			}
			o.Release()
			for _, k := range append(c.strangers, release.Key{}) {
				if _, err := release.Open(a.Bytes(), k, newGate(1).public()); err == nil {
					t.Errorf("%s to %.8s opens for a stranger", signature, c.to)
				}
			}
			_, err = release.Open(a.Bytes(), c.key, newGate(2).public())
			wantErr(t, "Open by another gate", err, release.ErrSignature)
			for i := range a.Bytes() {
				bad := bytes.Clone(a.Bytes())
				bad[i] ^= 1
				if o, err := release.Open(bad, c.key, newGate(1).public()); err == nil {
					o.Release()
					t.Fatalf("%s: byte %d flipped still opens", signature, i)
				}
			}
		}
	}
}

// The SM2 key of a gate counts by the word of its Ed25519 key, and for nothing else.
func TestAnSM2KeyWithoutTheGatesWordIsRefused(t *testing.T) {
	file, key := fixture(t, "second-sm2", release.SM2SM4)
	lines := bytes.SplitN(file, []byte("\n"), 4)
	var foot map[string]any
	if err := json.Unmarshal(lines[2], &foot); err != nil {
		t.Fatal(err)
	}
	// Another SM2 key signs the very same lines.
	message := slices.Concat(lines[0], []byte("\n"), lines[1], []byte("\n"+foot["digest"].(string)+"\n"))
	signature, public, err := newGate(2).SignSM2(message)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(voucher []byte) []byte {
		foot := map[string]any{"digest": foot["digest"], "key": public, "signature": raw(t, signature), "voucher": voucher}
		return bytes.Join([][]byte{lines[0], lines[1], []byte(mustJSON(t, foot)), lines[3]}, []byte("\n"))
	}
	for name, voucher := range map[string][]byte{
		"none": nil, "its own": newGate(2).Sign(release.Voucher(public)), "that of another key": newGate(1).Sign(release.Voucher(public[:64])),
		"a signature of a file": newGate(1).Sign(message),
	} {
		_, err := release.Open(forge(voucher), key, newGate(1).public())
		if err == nil {
			t.Errorf("voucher %s: it opens", name)
		}
	}
	// The control: with the gate's word it opens.
	o, err := release.Open(forge(newGate(1).Sign(release.Voucher(public))), key, newGate(1).public())
	if err != nil {
		t.Fatal(err)
	}
	o.Release()
}

// raw returns an ASN.1 signature as R and S.
func raw(t *testing.T, der []byte) []byte {
	t.Helper()
	if len(der) < 8 || der[0] != 0x30 {
		t.Fatalf("signature %x", der)
	}
	r := der[4 : 4+der[3]]
	s := der[6+der[3]:]
	return append(new(big.Int).SetBytes(r).FillBytes(make([]byte, 32)), new(big.Int).SetBytes(s).FillBytes(make([]byte, 32))...)
}

// A file says by which suite it is signed and encrypted and in which form it is, and
// none of it can be said otherwise.
func TestFormAndSuitesAreSigned(t *testing.T) {
	file, key := fixture(t, "second-csv", release.HPKE)
	lines := bytes.SplitN(file, []byte("\n"), 4)
	for _, edit := range [][2]string{
		{`"form":"csv"`, `"form":"arrow"`}, {`"form":"csv"`, `"form":"csv-bom"`}, {`"form":"csv"`, `"form":"xlsx"`},
		{`"signature":"ed25519"`, `"signature":"sm2-sm3"`}, {`"signature":"ed25519"`, `"signature":"none"`},
		{`"encryption":"hpke-x25519-sha256-aes256gcm"`, `"encryption":"sm2-sm4gcm-sm3"`}, {`"encryption":"hpke-x25519-sha256-aes256gcm"`, `"encryption":"plain"`},
		{`"form":"csv",`, ``},
	} {
		header := bytes.Replace(lines[1], []byte(edit[0]), []byte(edit[1]), 1)
		if bytes.Equal(header, lines[1]) {
			t.Fatalf("%q is not in the header", edit[0])
		}
		bad := bytes.Join([][]byte{lines[0], header, lines[2], lines[3]}, []byte("\n"))
		if _, err := release.Open(bad, key, newGate(1).public()); err == nil {
			t.Errorf("with %s it opens", edit[1])
		}
		// Even the gate cannot say otherwise of the same content.
		if _, err := release.Open(resign(t, newGate(1), header, lines[2], lines[3]), key, newGate(1).public()); err == nil {
			t.Errorf("with %s, signed, it opens", edit[1])
		}
	}
	// A file of the second version does not pass for one of the first, nor the other
	// way round.
	old, _ := fixture(t, "sealed", release.HPKE)
	was := bytes.SplitN(old, []byte("\n"), 4)
	for name, bad := range map[string][]byte{
		"second as first": resignAs(t, "zonebox-release-1", newGate(1), lines[1], lines[2], lines[3]),
		"first as second": resignAs(t, "zonebox-release-2", newGate(1), was[1], was[2], was[3]),
	} {
		_, err := release.Open(bad, key, newGate(1).public())
		wantErr(t, name, err, release.ErrFormat)
	}
}

// What leaves has the columns that the statement was approved with: their names,
// types, techniques and order.
func TestOtherColumnsThanApprovedAreNotSealed(t *testing.T) {
	_, public := newRecipient(t, suite)
	h, err := release.Hold(sample(t), "run-1", newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, columns := range map[string][]release.HeaderColumn{
		"none":      nil,
		"one less":  approved[:2],
		"one more":  append(slices.Clone(approved), release.HeaderColumn{Name: "x", Type: "int64"}),
		"name":      {approved[0], {Name: "m", Type: "int64"}, approved[2]},
		"type":      {approved[0], {Name: "n", Type: "int32"}, approved[2]},
		"technique": {{Name: "district", Type: "utf8", Technique: "抑制技术·屏蔽"}, approved[1], approved[2]},
		"order":     {approved[1], approved[0], approved[2]},
	} {
		how := to(public)
		how.Columns = columns
		_, err := h.Seal(how, newGate(1))
		wantErr(t, "Seal with "+name, err, release.ErrApproved)
	}
	if _, err := h.Seal(to(public), newGate(1)); err != nil {
		t.Errorf("Seal as approved = %v", err)
	}
	how := to(public)
	how.Form = "xlsx"
	_, err = h.Seal(how, newGate(1))
	wantErr(t, "Seal as xlsx", err, release.ErrForm)
	how = to(public)
	how.Signature = "rsa"
	_, err = h.Seal(how, newGate(1))
	wantErr(t, "Seal with rsa", err, release.ErrSuite)
	columns, err := release.Approved([]release.Column{{Name: "district", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}, {Name: "s", Type: "DOUBLE"}})
	if err != nil || !slices.Equal(columns, approved) {
		t.Errorf("Approved = %v, %v, want %v", columns, err, approved)
	}
}

// Recipients by SM2: an uncompressed point of the curve and nothing else.
func TestAnSM2RecipientIsAPointOfTheCurve(t *testing.T) {
	h, err := release.Hold(sample(t), "run-1", newAEAD(t))
	if err != nil {
		t.Fatal(err)
	}
	_, point := recipientSM2(t)
	off := bytes.Clone(point)
	off[64] ^= 1
	for name, key := range map[string][]byte{"off the curve": off, "short": point[:64], "long": append(bytes.Clone(point), 0), "zero": append([]byte{4}, make([]byte, 64)...),
		"compressed": append([]byte{2}, point[1:33]...)} {
		_, err := h.Seal(to(encoded(key)), newGate(1))
		wantErr(t, name, err, release.ErrRecipientKey)
	}
	if _, err := h.Seal(to(encoded(point)), newGate(1)); err != nil {
		t.Errorf("Seal = %v", err)
	}
}

// The examples of GB/T 32918.5-2017 (curve and identity as this package uses them).
func TestSM2IsThatOfTheStandard(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, err := sm2.NewPrivateKey(unhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := sm2.PublicKeyToECDH(&key.PublicKey)
	const point = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	if err != nil || hex.EncodeToString(public.Bytes()) != point {
		t.Errorf("public key = %v, %v", public, err)
	}
	// A.2 of part 5: the signature of "message digest".
	r := new(big.Int).SetBytes(unhex("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"))
	s := new(big.Int).SetBytes(unhex("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"))
	digest, err := sm2.CalculateSM2Hash(&key.PublicKey, []byte("message digest"), nil)
	if err != nil || !sm2.Verify(&key.PublicKey, digest, r, s) {
		t.Errorf("the signature of the standard does not verify: %v", err)
	}
	if sm2.Verify(&key.PublicKey, digest, s, r) {
		t.Error("R and S exchanged verify")
	}
	// C.2 of part 5: the ciphertext of "encryption standard", as C1, C3, C2.
	ciphertext := unhex("04" + "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73" + "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0" +
		"59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766" + "21886CA989CA9C7D58087307CA93092D651EFA")
	if got, err := sm2.Decrypt(key, ciphertext); err != nil || string(got) != "encryption standard" {
		t.Errorf("the ciphertext of the standard is %q, %v", got, err)
	}
}
