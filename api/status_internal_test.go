package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"

	"zonebox/query"
	"zonebox/query/querytest"
)

// TestEveryCodeOfTheEngineHasAStatus names each code, so that a new one is a
// decision.
func TestEveryCodeOfTheEngineHasAStatus(t *testing.T) {
	want := map[string]int{
		"AUTH_FAILED": 403, "KEY_SCOPE": 403, "SECOND_FACTOR": 403, "CODE_REFUSED": 403, "SIGNATURE_REQUIRED": 403, "IDENTITY_UNAVAILABLE": 500, "ROLE_REQUIRED": 403, "NOT_FOUND": 400, "BAD_REQUEST": 400, "DOCUMENT_REFUSED": 403, "DOCUMENT_DUE": 429, "OWN_DECISION": 403, "POLICY_BUNDLE_REFUSED": 403, "REQUEST_STATE": 403, "ALERT_STATE": 403, "REQUEST_MOVED": 403, "REFUSAL_BASIS": 403, "WITNESS_REFUSED": 403, "WITNESS_CONFLICT": 403,
		"QUERY_IN_REVIEW": 202, "OUTPUT_IN_REVIEW": 202, "OUTPUT_COARSENED": 202, "COARSEN_REFUSED": 403, "RUN_STATE": 403, "APPROVAL_VOID": 403, "APPROVAL_EXPIRED": 403, "WITHHELD": 409, "DISCLOSIVE": 409, "RELEASE_HISTORY": 409,
		"STATEMENT_FAILED": 422, "TIME_LIMIT": 422, "MEMORY_LIMIT": 422, "ROW_LIMIT": 422, "BUSY": 429, "EXPLAIN_RATE": 429, "SUBMIT_RATE": 429, "POSTPONED": 429, "IDEMPOTENCY_CONFLICT": 400, "ABANDONED": 500, "SYNTAX": 400, "BIND": 400, "RESULT_TYPE": 400,
		"TEMPLATE_NOT_IN_FORCE": 403, "PARAMETER_VALUE": 403, "PARAMETER_EXTRA": 400, "PARAMETER_MISSING": 400,
		"AGREEMENT_STATE": 403, "AGREEMENT_MOVED": 403, "APPLICATION_REFUSED": 403, "OFFBOARDING_OPEN": 403, "ENTRY_STATE": 403, "ENTRY_MOVED": 403, "ENTRY_DUPLICATE": 403,
		"LOAD_REFUSED": 403, "DATA_STATE": 403, "DATA_SHREDDED": 403, "BACKUP_ROOT": 403, "FOLDER_NOT_EMPTY": 403, "BACKUP_DAMAGED": 500, "QUALITY_RULES": 403, "LOAD_MODE": 403, "LOAD_BASE": 403, "LOAD_QUOTA": 403, "SECOND_PERSON": 403, "PERMISSION_REQUIRED": 403, "LOAD_SOURCE": 403, "DATA_DAMAGED": 500, "DATA_WITHOUT_ENTITY": 403, "AUDIT_UNAVAILABLE": 500, "DISK_FULL": 500, "KEY_IN_USE": 403, "KEY_ROTATE": 403, "SECRET_FILE": 403, "KEYS_UNAVAILABLE": 500, "STOPPING": 503, "STOPPED": 500, "LOAD_STALLED": 500, "INTERNAL": 500,
	}
	got := querytest.ErrorCodes(t, filepath.Join("..", "query"))
	for name, class := range got {
		status, known := want[name]
		if !known {
			t.Errorf("%s is not in the table of this test", name)
			continue
		}
		if res := answer(&query.Error{Code: name, Class: class, EN: "text"}); res.Code != status || problem(t, res).Code != name {
			t.Errorf("%s of class %s answers %d %s, want %d", name, class, res.Code, res.Body, status)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the engine has %d codes, the table %d", len(got), len(want))
	}
}

// TestWhatIsNoErrorOfTheEngineIsInternal: nothing of its text goes out.
func TestWhatIsNoErrorOfTheEngineIsInternal(t *testing.T) {
	res := answer(io.ErrUnexpectedEOF)
	p := problem(t, res)
	if res.Code != http.StatusInternalServerError || p.Code != "INTERNAL" || p.Detail != "internal error; nothing was released" {
		t.Errorf("%d %s", res.Code, res.Body)
	}
}

// answer returns how the gate puts an error on the wire.
func answer(err error) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	c.Request.Header.Set("Accept-Language", "en")
	(&server{engine: shared.engine, log: slog.New(slog.DiscardHandler)}).refuse(c, err)
	return w
}
