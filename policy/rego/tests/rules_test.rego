# Every case of testdata/cases.json, on the rules alone: without the schema, the
# strict builtins and the strictness about results that the evaluator adds.
package zonebox_test

import data.fixtures
import data.zonebox

facts(base, patch) := object.union(
	json.patch(fixtures.query, array.concat(fixtures.cases.bases[base], patch)),
	{"binding": "BINDING", "capabilities": capabilities},
)

capabilities := [
	"mask", "compute_only", "consent_filter", "min_group", "row_cap", "record_cap",
	"label", "watermark", "second_person", "release_review", "ttl_seconds",
]

test_each_rule_denies if {
	wrong := [[i, case.code] |
		some i, case in fixtures.cases.denials
		not denied(case)
	]
	wrong == []
}

denied(case) if {
	got := {"decision": zonebox.decision, "deny": zonebox.deny} with input as facts(case.base, case.deny)
	got.decision.verdict == "DENY"
	[case.code, case.about] in got.deny
}

test_each_twin_passes if {
	wrong := [[i, case.code] |
		some i, case in fixtures.cases.denials
		denied_twin(case)
	]
	wrong == []
}

denied_twin(case) if {
	got := zonebox.decision with input as facts(case.base, case.twin)
	got.verdict == "DENY"
}

test_verdicts if {
	wrong := [[i, case.rule] |
		some i, case in fixtures.cases.verdicts
		not as_stated(case)
	]
	wrong == []
}

as_stated(case) if {
	got := zonebox.decision with input as facts(case.base, case.patch)
	got.verdict == case.verdict
	got.reviewers == case.waiting
}

test_nothing_is_a_denial if {
	zonebox.verdict == "DENY" with input as {}
	zonebox.verdict == "DENY" with input as {"action": "query"}
	zonebox.verdict == "DENY" with input as null
}

test_missing_group_is_a_denial if {
	given := facts("query", [])
	every group in zonebox.needs.query - {"binding"} {
		zonebox.decision.verdict == "DENY" with input as object.remove(given, [group])
	}
}

test_group_named_when_missing if {
	given := object.remove(facts("query", []), ["consent"])
	["FACT_MISSING", "consent"] in zonebox.deny with input as given
}

test_every_code_has_its_text if {
	every case in fixtures.cases.denials {
		data.reasons[case.code].article != ""
	}
}

test_code_without_text_is_still_told if {
	zonebox.reason(["NEW_CODE", "x"]) == {
		"code": "NEW_CODE", "about": "x", "article": "",
		"zh": "NEW_CODE", "en": "NEW_CODE",
	}
}

test_obligation_the_caller_cannot_carry_out if {
	given := object.union(facts("query", []), {"capabilities": []})
	["OBLIGATION_UNSUPPORTED", "min_group"] in zonebox.deny with input as given
}

# NJ24-21: refusals of one person within an hour, as many as the pack says.
test_probing_is_told_and_stops_nothing if {
	warned(30)
	not warned(29)
}

warned(denials) if {
	given := facts("query", [{"op": "add", "path": "/history", "value": {"denials_1h": denials}}])
	got := zonebox.decision with input as given
	got.verdict == "ALLOW"
	got.warnings[_].code == "PROBING_SUSPECTED"
}

test_warnings if {
	given := facts("query", [
		{"op": "replace", "path": "/now", "value": "2026-11-21T09:00:00+08:00"},
		{"op": "replace", "path": "/license/renewed_basis", "value": "notice"},
		{"op": "replace", "path": "/datasets/persons/disputed", "value": true},
		{"op": "replace", "path": "/operator/evidence/0/valid_until", "value": "2026-11-20"},
	])
	zonebox.warn == {
		["DATASET_DISPUTED", "persons"],
		["EVIDENCE_EXPIRED", "mlps3"],
		["PACK_LAPSED", "nanjing-2024"],
	} with input as given
}
