package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/query"
)

// The command line is the same over HTTPS, by a gate that is known by its key or by who
// issued its certificate; anybody else is refused before anything is sent.
func TestTheCommandLineGoesOverHTTPS(t *testing.T) {
	h := newHome(t)
	h.web.address = "127.0.0.1:0"
	h.serve(t)
	gate := "https://" + h.gate.web
	over := func(more ...string) outcome {
		args := append([]string{"get", "zone", "--as", "wu.dc", "--gate", gate}, more...)
		return h.zonebox(t, args...)
	}
	pin := h.path("keyring", "gate.pub")
	key := h.gate.engine.Domain().GateKey
	_ = os.Remove(pin)

	first := over()
	if first.code != exitFailure || !strings.Contains(first.errout, "GATE_UNKNOWN") || !strings.Contains(first.errout, key) {
		t.Errorf("first contact exited %d: %s; want GATE_UNKNOWN with the key", first.code, first.errout)
	}
	other, err := keys.Generate("other")
	if err != nil {
		t.Fatal(err)
	}
	if o := over("--gate-key", other.SigningKey()); o.code != exitFailure || !strings.Contains(o.errout, "GATE_UNKNOWN") {
		t.Errorf("by another's key exited %d: %s", o.code, o.errout)
	}
	if _, err := os.Stat(pin); err == nil {
		t.Error("a key that was not the gate's is pinned")
	}
	if o := over("--gate-key", key); o.code != exitOK || !strings.Contains(o.out, "medical") {
		t.Errorf("by its key exited %d: %s%s", o.code, o.out, o.errout)
	}
	if o := over(); o.code != exitOK {
		t.Errorf("once it is pinned exited %d: %s", o.code, o.errout)
	}
	h.must(t, exitOK, "keys", "rotate", "release-sign", "--as", "wu.dc")
	if o := over(); o.code != exitOK {
		t.Errorf("after its key was rotated exited %d: %s", o.code, o.errout)
	}
	now := h.gate.engine.Domain().GateKey
	if text, err := os.ReadFile(pin); err != nil || string(text) != now+"\n"+key+"\n" {
		t.Errorf("after its key was rotated %q is pinned (%v), want %q before %q", text, err, now, key)
	}
	if o := over("--gate-key", key); o.code != exitOK { // it is one of the gate's
		t.Errorf("by its former key, given, exited %d: %s", o.code, o.errout)
	}
	if o := over("--gate-key", other.SigningKey()); o.code != exitFailure || !strings.Contains(o.errout, "GATE_UNKNOWN") {
		t.Errorf("by another's key beside its own, pinned, exited %d: %s", o.code, o.errout)
	}
	if o := over("--gate-key", key, "--gate-ca", pin); o.code != exitUsage {
		t.Errorf("by key and issuer exited %d: %s", o.code, o.errout)
	}
	t.Setenv("ZONEBOX_GATE", "https://127.0.0.1:1")
	if o := h.zonebox(t, "get", "zone", "--as", "wu.dc"); o.code != exitOK { // which names the folder
		t.Errorf("a folder beside an address of the environment exited %d: %s", o.code, o.errout)
	}
	t.Setenv("ZONEBOX_GATE", "")
	if err := os.WriteFile(pin, []byte(other.SigningKey()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := over(); o.code != exitFailure || !strings.Contains(o.errout, "GATE_UNKNOWN") {
		t.Errorf("with another key pinned exited %d: %s", o.code, o.errout)
	}
	for _, bad := range []string{"http://" + h.gate.web, h.gate.web, gate + "/v1", "https://li.op@" + h.gate.web} {
		if o := h.zonebox(t, "get", "zone", "--as", "wu.dc", "--gate", bad); o.code != exitUsage {
			t.Errorf("--gate %s exited %d: %s", bad, o.code, o.errout)
		}
	}
}

// Nothing older than TLS 1.3 is spoken, nothing in the clear, and over the network too
// every request is signed.
func TestTheNetworkIsSpokenToInOneWay(t *testing.T) {
	h := newHome(t)
	h.web.address = "127.0.0.1:0"
	h.serve(t)
	client := func(version uint16) *http.Client {
		return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: version}}}
	}
	if res, err := client(tls.VersionTLS12).Get("https://" + h.gate.web + "/v1/domain"); err == nil {
		res.Body.Close()
		t.Error("it speaks TLS 1.2")
	}
	res, err := client(0).Get("https://" + h.gate.web + "/v1/domain")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden || res.TLS.Version != tls.VersionTLS13 {
		t.Errorf("unsigned: %s by version %x", res.Status, res.TLS.Version)
	}
	plain, err := client(0).Get("http://" + h.gate.web + "/v1/domain")
	if err != nil {
		t.Fatal(err)
	}
	plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		t.Errorf("in the clear: %s", plain.Status)
	}
}

// A certificate that somebody issued is shown instead of the gate's own, and its key is
// nobody else's to read.
func TestAGateMayShowACertificateOfItsOwn(t *testing.T) {
	h := newHome(t)
	ca, cert, key := issued(t)
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		if err := os.WriteFile(h.path(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return h.path(name)
	}
	h.web = listening{address: "127.0.0.1:0", cert: write("tls.crt", cert, 0o644), key: write("tls.key", key, 0o600)}
	h.serve(t)
	over := func(more ...string) outcome {
		return h.zonebox(t, append([]string{"get", "zone", "--as", "wu.dc", "--gate", "https://" + h.gate.web}, more...)...)
	}
	if o := over("--gate-ca", write("ca.crt", ca, 0o644)); o.code != exitOK {
		t.Errorf("by who issued it exited %d: %s", o.code, o.errout)
	}
	other, _, _ := issued(t)
	if o := over("--gate-ca", write("other.crt", other, 0o644)); o.code != exitFailure || !strings.Contains(o.errout, "x509") {
		t.Errorf("by another exited %d: %s", o.code, o.errout)
	}
	if o := over(); o.code != exitFailure || !strings.Contains(o.errout, "GATE_UNKNOWN") || !strings.Contains(o.errout, "--gate-ca") {
		t.Errorf("by its key exited %d: %s", o.code, o.errout)
	}
	serve := []string{"serve", "--domain", h.domain(), "--passphrase-file", h.path("passphrase"), "--worker", workerBinary}
	if err := os.Chmod(h.web.key, 0o640); err != nil {
		t.Fatal(err)
	}
	h.stop(t)
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"--listen", ":0", "--tls-cert", h.web.cert, "--tls-key", h.web.key}, "SECRET_FILE", exitDenied},
		{[]string{"--listen", ":0", "--tls-cert", h.web.cert}, "--tls-key", exitUsage},
		{[]string{"--tls-cert", h.web.cert, "--tls-key", h.web.key}, "--listen", exitUsage},
		{[]string{"--client-ca", h.web.cert}, "--listen", exitUsage},
		{[]string{"--listen", ":0", "--client-ca", h.path("keyring", "wu.dc.key")}, "--client-ca holds no certificate", exitUsage},
		{[]string{"--listen", "8443"}, "HOST:PORT", exitUsage},
		{[]string{"--admin", "0.0.0.0:9000"}, "--admin must be :PORT or a loopback address", exitUsage},
		{[]string{"--admin", "localhost:9000"}, "--admin must be :PORT or a loopback address", exitUsage},
		{[]string{"--traces-to", "syslog:10.0.0.1:514"}, "--traces-to must be file:PATH or unix:PATH", exitUsage},
		{[]string{"--traces-to", "file:" + h.domain("traces")}, "outside the domain", exitFailure},
		{[]string{"--log-level", "loud"}, "must be debug|info|warn|error", exitUsage},
	} {
		if o := h.zonebox(t, append(serve, c.args...)...); o.code != c.code || !strings.Contains(o.errout, c.want) {
			t.Errorf("serve %v exited %d: %s; want %d with %s", c.args, o.code, o.errout, c.code, c.want)
		}
	}
}

// With a certificate of its own the command line reads and asks over HTTPS as the person
// whose document holds it, without that person's key; it changes nothing, and shows it
// nowhere else.
func TestTheCommandLineShowsACertificateInsteadOfSigning(t *testing.T) {
	h := newHome(t)
	ca, cert, key := issued(t)
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		if err := os.WriteFile(h.path(name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return h.path(name)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(ca))
	h.web.address = "127.0.0.1:0"
	if err := h.openWith(t, query.Config{ClientCA: trusted}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.stop(t) })
	block, _ := pem.Decode([]byte(cert))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	own := h.must(t, exitOK, "user", "zhou.op").out
	zhou := write("zhou.yaml", fmt.Sprintf(`kind: Person
name: zhou.op
spec:
  real_name: 周运营
  organization: huiyi
  roles: [operator]
  status: active
  certificates: ["%x"]
  %s
`, sha256.Sum256(leaf.RawSubjectPublicKeyInfo), strings.ReplaceAll(strings.TrimSpace(own), "\n", "\n  ")), 0o600)
	h.must(t, exitOK, "apply", "-f", zhou, "--as", "zhao.city")
	if err := os.Rename(h.path("keyring", "zhou.op.key"), h.path("zhou.op.key")); err != nil {
		t.Fatal(err)
	}
	gate := []string{"--gate", "https://" + h.gate.web, "--gate-key", h.gate.engine.Domain().GateKey}
	shown := []string{"--client-cert", write("zhou.crt", cert, 0o644), "--client-key", write("zhou.key", key, 0o600)}
	over := func(args ...string) outcome { return h.zonebox(t, slices.Concat(args, gate, shown)...) }
	if o := over("get", "zone"); o.code != exitOK || !strings.Contains(o.out, "medical") {
		t.Errorf("reads: exited %d: %s%s", o.code, o.out, o.errout)
	}
	if o := over("apply", "-f", zhou); o.code != exitDenied || !strings.Contains(o.errout, "SIGNATURE_REQUIRED") || !strings.Contains(o.errout, "without --client-cert") {
		t.Errorf("changes: exited %d: %s", o.code, o.errout)
	}
	if o := over("explain", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", "SELECT count(*) AS n FROM persons"); strings.Contains(o.errout, "AUTH_FAILED") || strings.Contains(o.errout, "SIGNATURE_REQUIRED") {
		t.Errorf("asks: exited %d: %s", o.code, o.errout)
	}
	_, foreign, foreignKey := issued(t)
	if o := h.zonebox(t, slices.Concat([]string{"get", "zone"}, gate, []string{"--client-cert", write("other.crt", foreign, 0o644), "--client-key", write("other.key", foreignKey, 0o600)})...); o.code == exitOK {
		t.Errorf("by another issuer's: exited %d: %s", o.code, o.out)
	}
	if o := h.zonebox(t, slices.Concat([]string{"get", "zone"}, shown)...); o.code != exitUsage || !strings.Contains(o.errout, "--client-cert goes with --gate") {
		t.Errorf("without --gate: exited %d: %s", o.code, o.errout)
	}
	if o := h.zonebox(t, slices.Concat([]string{"get", "zone"}, gate, shown[:2])...); o.code != exitUsage || !strings.Contains(o.errout, "--client-key") {
		t.Errorf("without its key: exited %d: %s", o.code, o.errout)
	}
	if err := os.Chmod(h.path("zhou.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if o := over("get", "zone"); !strings.Contains(o.errout, "SECRET_FILE") {
		t.Errorf("with a key that others read: exited %d: %s", o.code, o.errout)
	}
}

// issued returns a certificate for 127.0.0.1 with its key and who issued it, in PEM.
func issued(t *testing.T) (ca, cert, key string) {
	t.Helper()
	made := func(template, parent *x509.Certificate, by *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if by == nil {
			by = own
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, own.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		return der, own
	}
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	from, until := time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootDER, rootKey := made(root, root, nil)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	leafDER, leafKey := made(leaf, root, rootKey)
	private, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	return text("CERTIFICATE", rootDER), text("CERTIFICATE", leafDER), text("PRIVATE KEY", private)
}

// What comes beyond the places of one address is closed, and those of others are not
// taken; who goes makes room.
func TestOneAddressHasNotAllConnections(t *testing.T) {
	l := &counted{open: map[netip.Addr]int{}}
	one, another := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range fromOne {
		if !l.enter(one) {
			t.Fatal("no room for the first")
		}
	}
	if l.enter(one) || !l.enter(another) {
		t.Error("one address has what is another's")
	}
	l.leave(one)
	if !l.enter(one) || l.enter(one) {
		t.Error("who goes makes no room, or more than it had")
	}
	for i := range connections {
		l.enter(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i % 250)}))
	}
	if l.all != connections || l.enter(netip.MustParseAddr("192.0.2.3")) {
		t.Errorf("%d connections are open, and one more", l.all)
	}
}
