package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestOpenAPIDocument: docs/openapi.json is what the gate serves.
func TestOpenAPIDocument(t *testing.T) {
	res := shared.do(shared.signed("zhao.city", shared.founder, http.MethodGet, "/v1/openapi", ""))
	if res.Code != http.StatusOK {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
	var want bytes.Buffer
	if err := json.Indent(&want, res.Body.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/openapi.json is not what the gate serves; write it anew with -update")
	}
}
