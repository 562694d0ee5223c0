package api

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
)

// A sender that gives a part of its file and no more is told so over the same
// connection, and its request ends; one that gives all of it, in two parts and
// slower than the gate waits for the rest, is not disturbed by a deadline of before.
func TestARequestWhoseSenderStallsEnds(t *testing.T) {
	key, err := keys.Generate("qian.hospital")
	if err != nil {
		t.Fatal(err)
	}
	text := "kind: Organization\nname: hospital\nspec: {title: 医院, kind: provider, org_form: legal_person, credit_code: 12320100426088463E}\n" +
		fmt.Sprintf("---\nkind: Person\nname: qian.hospital\nspec: {real_name: 某人, organization: hospital, roles: [provider], status: active, signing_key: %q, recipient_key: %q}\n",
			key.SigningKey(), key.RecipientKey())
	if res := shared.do(shared.signed("zhao.city", shared.founder, http.MethodPost, "/v1/documents", text)); res.Code != http.StatusOK {
		t.Fatalf("register: %d %s", res.Code, res.Body)
	}
	gate := httptest.NewServer(shared.handler)
	defer gate.Close()
	for _, c := range []struct {
		what  string
		whole bool
	}{{"stalled", false}, {"whole", true}} {
		body := strings.Repeat("a,b\n1,2\n", 1000)
		sum := sha256.Sum256([]byte(body))
		digest := hex.EncodeToString(sum[:])
		ask := base64.RawURLEncoding.EncodeToString([]byte(`{"sha256":"` + digest + `"}`))
		r := shared.signed("qian.hospital", key, http.MethodPost, "/v1/proposals?request="+ask, body)
		conn, err := net.Dial("tcp", strings.TrimPrefix(gate.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", r.URL.RequestURI(), len(body))
		if err := r.Header.Write(conn); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "\r\n%s", body[:100])
		if c.whole {
			time.Sleep(houseStall / 2)
			if _, err := io.WriteString(conn, body[100:]); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), r)
		if err != nil {
			t.Fatalf("%s: no answer: %v", c.what, err)
		}
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(answer), "LOAD_STALLED"); got == c.whole { // the house has no worker to look at the whole
			t.Errorf("%s: %d %s", c.what, res.StatusCode, answer)
		}
	}
}
