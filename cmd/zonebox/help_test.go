//go:build linux

package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"zonebox/query"
	"zonebox/query/querytest"
)

// verbs are all there are, so that a new one gets a script.
var verbs = strings.Fields(`
	selfcheck config config/check config/show config/example
	init serve user sign apply get load query explain open inspect doctor city demo version
	bench bench/masking
	template template/list template/show
	clocks request request/list request/reply request/show request/move
	review review/list review/show review/rows review/approve review/reject review/coarsen review/recall review/freeze
	trace audit audit/list audit/show audit/verify audit/prove audit/witness
	report report/use report/unused report/risk report/sample report/show report/verdict
	mask mask/preview
	zone zone/ls zone/versions zone/show zone/verify zone/diff zone/rollback zone/retire
	quality quality/list quality/show quality/run quality/history quality/rules quality/release quality/reject quality/trace
	quality/ticket quality/ticket/open quality/ticket/list quality/ticket/show quality/ticket/reply quality/ticket/correct quality/ticket/deny
	quality/ticket/dispute quality/ticket/verify quality/ticket/return quality/ticket/uphold quality/ticket/dismiss
	keys keys/list keys/rotate keys/rewrap keys/destroy
	switch switch/suspend switch/restrict switch/close switch/sign switch/lift switch/list
	alert alert/list alert/show alert/confirm alert/lift alert/close
	shred shred/column shred/version shred/dataset shred/zone shred/workspace shred/confirm shred/list shred/verify
	policy policy/build policy/sign policy/verify policy/publish policy/confirm policy/rollback policy/show what-if
	backup backup/create backup/list backup/verify backup/restore backup/accept
	consent consent/import consent/withdraw consent/list
	key key/issue key/list key/revoke
	contact contact/set contact/list contact/show
	propose loads loads/ls loads/show loads/stop drop drop/run drop/verify
	manifest manifest/schema manifest/sign
	show diff rollback
	pack pack/list pack/show
	history pending pending/list pending/withdraw
	catalogue catalogue/ls catalogue/show catalogue/check catalogue/submit catalogue/concur catalogue/approve catalogue/return
	catalogue/reject catalogue/withdraw catalogue/publish catalogue/change catalogue/retire catalogue/import catalogue/export
	license license/ls license/show license/apply license/move license/sign
	totp totp/new totp/give totp/list totp/remove
	completion completion/bash completion/zsh completion/fish completion/powershell`)

func TestEveryHelpListsTheExitCodes(t *testing.T) {
	seen := map[string]bool{"": true}
	var walk func(c *cobra.Command, path []string)
	walk = func(c *cobra.Command, path []string) {
		for _, sub := range c.Commands() {
			if sub.Name() == "help" || sub.Hidden {
				continue
			}
			p := append(append([]string{}, path...), sub.Name())
			seen[strings.Join(p, "/")] = true
			walk(sub, p)
		}
	}
	root := (&app{}).root()
	root.InitDefaultCompletionCmd()
	walk(root, nil)
	for _, v := range verbs {
		if !seen[v] {
			t.Errorf("there is no verb %s", v)
		}
	}
	if len(seen) != len(verbs)+1 {
		t.Errorf("%d verbs, want %d: %v", len(seen)-1, len(verbs), seen)
	}
	for v := range seen {
		for lang, want := range map[string]string{
			"en": "Exit codes: 0 ok · 1 failure · 2 usage · 3 denied · 4 in review · 5 limit · 6 withheld · 7 busy · 8 quarantined · 9 in part · 10 tampered log · 130 interrupted\n",
			"zh": "退出码: 0 成功 · 1 失败 · 2 用法 · 3 被拒绝 · 4 待审 · 5 超限 · 6 不予放行 · 7 繁忙 · 8 隔离 · 9 部分成功 · 10 日志被改 · 130 中断\n",
		} {
			var out, errout bytes.Buffer
			args := append(strings.FieldsFunc(v, func(r rune) bool { return r == '/' }), "--help", "--lang", lang)
			code := run(t.Context(), args, strings.NewReader(""), &out, &errout)
			if code != exitOK || errout.Len() > 0 || !strings.HasSuffix(out.String(), want) {
				t.Errorf("%v: exit %d, stderr %q, help does not end in the exit codes:\n%s", args, code, errout.String(), out.String())
			}
			for line := range strings.Lines(out.String()) {
				if other := foreign(lang, line); other {
					t.Errorf("%v: a line in the other language: %q", args, line)
				}
			}
		}
	}
}

// english is a phrase: three words, or a heading.
var english = regexp.MustCompile(`[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}|^[A-Z][a-z ]+:`)

// foreign reports whether a line of a help is in another language than lang: what
// is typed, and the values of flags, are of none.
func foreign(lang, line string) bool {
	typed, flag := strings.HasPrefix(line, "  zonebox"), strings.Contains(line, "--")
	han := strings.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	if lang == "zh" {
		// Formats and validators stand in a row by their names.
		return !han && !typed && english.MatchString(line) && !strings.Contains(line, "csv tsv json") && !strings.Contains(line, "bank_card credit_code")
	}
	return han && !typed && !flag
}

// TestEveryCodeOfTheEngineHasAnExitCode names each code, so that a new one is
// a decision.
func TestEveryCodeOfTheEngineHasAnExitCode(t *testing.T) {
	want := map[string]int{
		"AUTH_FAILED": 3, "KEY_SCOPE": 3, "SECOND_FACTOR": 3, "CODE_REFUSED": 3, "SIGNATURE_REQUIRED": 3, "IDENTITY_UNAVAILABLE": 1, "ROLE_REQUIRED": 3, "NOT_FOUND": 2, "BAD_REQUEST": 2, "DOCUMENT_REFUSED": 3, "DOCUMENT_DUE": 7,
		"QUERY_IN_REVIEW": 4, "OUTPUT_IN_REVIEW": 4, "OUTPUT_COARSENED": 4, "COARSEN_REFUSED": 3, "RUN_STATE": 3, "APPROVAL_VOID": 3, "APPROVAL_EXPIRED": 3, "WITHHELD": 6, "DISCLOSIVE": 6, "RELEASE_HISTORY": 6,
		"STATEMENT_FAILED": 5, "TIME_LIMIT": 5, "MEMORY_LIMIT": 5, "ROW_LIMIT": 5, "BUSY": 7, "EXPLAIN_RATE": 7, "SUBMIT_RATE": 7, "POSTPONED": 7, "IDEMPOTENCY_CONFLICT": 2, "ABANDONED": 1, "SYNTAX": 2, "BIND": 2, "RESULT_TYPE": 2,
		"TEMPLATE_NOT_IN_FORCE": 3, "PARAMETER_VALUE": 3, "PARAMETER_EXTRA": 2, "PARAMETER_MISSING": 2,
		"POLICY_BUNDLE_REFUSED": 3, "ENTRY_STATE": 3, "ENTRY_MOVED": 3, "ENTRY_DUPLICATE": 3,
		"REQUEST_STATE": 3, "ALERT_STATE": 3, "REQUEST_MOVED": 3, "REFUSAL_BASIS": 3,
		"LOAD_MODE": 3, "LOAD_QUOTA": exitDenied, "LOAD_BASE": 3, "SECOND_PERSON": 3, "PERMISSION_REQUIRED": 3, "LOAD_SOURCE": 3, "LOAD_REFUSED": 3, "DATA_STATE": 3, "QUALITY_RULES": 3, "DATA_DAMAGED": 1, "DATA_WITHOUT_ENTITY": 3, "DATA_SHREDDED": 3, "BACKUP_ROOT": 3, "FOLDER_NOT_EMPTY": 3, "BACKUP_DAMAGED": 1, "AUDIT_UNAVAILABLE": 1, "DISK_FULL": 1, "OWN_DECISION": 3, "WITNESS_REFUSED": 3, "WITNESS_CONFLICT": 3, "KEY_IN_USE": 3, "KEY_ROTATE": 3, "SECRET_FILE": 3, "KEYS_UNAVAILABLE": 1, "STOPPING": 7, "STOPPED": 1, "LOAD_STALLED": 1, "INTERNAL": 1,
		"AGREEMENT_STATE": 3, "AGREEMENT_MOVED": 3, "APPLICATION_REFUSED": 3, "OFFBOARDING_OPEN": 3,
	}
	got := querytest.ErrorCodes(t, filepath.Join("..", "..", "query"))
	for name, class := range got {
		code, known := want[name]
		if !known {
			t.Errorf("%s is not in the table of this test", name)
			continue
		}
		_, exit := (&app{lang: "en"}).problem(&query.Error{Code: name, Class: class})
		if exit != code {
			t.Errorf("%s of class %s exits %d, want %d", name, class, exit, code)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the engine has %d codes, the table %d", len(got), len(want))
	}
	if _, exit := (&app{}).problem(&query.Error{Code: "NEW", Class: "unheard-of"}); exit != exitFailure {
		t.Errorf("an unknown class exits %d, want %d", exit, exitFailure)
	}
}
