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
	got.binding == "BINDING"
	told := [[w.code, w.about] | some w in got.warnings]
	told == object.get(case, "warnings", told)
}

# What the schema of the input refuses before the rules see it: they hold alone.
test_level_that_no_rule_knows_is_about_everything if {
	given := facts("query", [{"op": "replace", "path": "/restrictions", "value": [{
		"id": "m-1", "level": "planet", "target": "x", "degree": "CLOSE", "rate": 0,
		"max_level": 0, "aggregates_only": false, "until": "",
	}]}])
	["ACCESS_CLOSED", "m-1"] in zonebox.deny with input as given
}

test_day_that_is_none_never_comes_and_never_lasts if {
	every path in ["/scenario/from", "/scenario/until"] {
		given := facts("query", [{"op": "replace", "path": path, "value": "9999-99-99"}])
		["SCENARIO_PERIOD", "sc-1"] in zonebox.deny with input as given
	}
}

test_each_group_of_each_action_is_needed if {
	wrong := [[base, group] |
		some base in ["query", "release", "load", "level", "preview_own", "review_zone"]
		some group in groups[base]
		not missed(base, group)
	]
	wrong == []
}

groups := {
	"query": ["now", "binding", "capabilities", "subject", "zone", "runtime", "operator", "license", "scenario", "restrictions", "query", "consent", "masking"],
	"release": ["now", "binding", "capabilities", "subject", "zone", "runtime", "operator", "license", "scenario", "restrictions", "query", "consent", "masking", "output"],
	"load": ["now", "binding", "capabilities", "subject", "zone", "runtime", "scenario", "grants", "datasets", "columns", "load"],
	"level": ["now", "binding", "capabilities", "subject", "zone", "runtime", "change"],
	"preview_own": ["now", "binding", "capabilities", "subject", "zone", "runtime", "grants", "datasets", "columns", "preview"],
	"review_zone": ["now", "binding", "capabilities", "subject", "zone", "runtime", "datasets", "query", "review"],
}

missed(base, group) if {
	given := object.remove(facts(base, []), [group])
	got := {"verdict": zonebox.verdict, "deny": zonebox.deny} with input as given
	got.verdict == "DENY"
	["FACT_MISSING", group] in got.deny
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
		{"op": "replace", "path": "/datasets/persons/disputed", "value": true},
		{"op": "replace", "path": "/operator/evidence/0/valid_until", "value": "2026-11-20"},
	])
	zonebox.warn == {
		["DATASET_DISPUTED", "persons"],
		["EVIDENCE_EXPIRED", "mlps3"],
		["PACK_LAPSED", "nanjing-2024"],
	} with input as given
}

# Who has no grant of a dataset is not told whether its data are there, and no fault of
# a grant that would have made no difference is told.
test_what_is_no_concern_is_not_told if {
	given := facts("query", [
		{"op": "replace", "path": "/datasets/persons/version", "value": ""},
		{"op": "replace", "path": "/grants/0/status", "value": "REVOKED"},
	])
	got := zonebox.deny with input as given
	["DATASET_NOT_GRANTED", "persons"] in got
	["GRANT_NOT_APPROVED", "g-persons"] in got
	not ["DATASET_NOT_LOADED", "persons"] in got
}

test_fault_of_the_grant_that_matters if {
	given := facts("query", [
		{"op": "replace", "path": "/grants/0/status", "value": "REVOKED"},
		{"op": "add", "path": "/grants/-", "value": {
			"id": "g-beds", "scenario": "sc-1", "dataset": "beds", "access": "", "status": "REVOKED",
			"from": "2024-06-01", "until": "2026-12-31", "basis": "", "legal_basis": [], "entry_changed": [],
			"columns": [{"name": "beds", "mode": "CLEAR", "recipe": ""}],
		}},
	])
	got := zonebox.deny with input as given
	["GRANT_NOT_APPROVED", "g-persons"] in got
	not ["GRANT_NOT_APPROVED", "g-beds"] in got
}

# What the gate must carry out follows from the statement, its grants and the pack.
test_obligations if {
	due("query", [], {
		"mask": [{"column": "persons.id_number", "recipe": "token"}, {"column": "visits.id_number", "recipe": "token"}],
		"compute_only": ["persons.income", "visits.diagnosis"], "consent_filter": false, "min_group": 10, "row_cap": 100000,
		"record_cap": 0, "label": true, "watermark": false, "second_person": true, "release_review": false, "ttl_seconds": 604800,
	})
	due("release_records", [], {
		"mask": [{"column": "persons.name", "recipe": "partial(1,0)"}],
		"compute_only": [], "consent_filter": false, "min_group": 10, "row_cap": 100000,
		"record_cap": 1000, "label": true, "watermark": false, "second_person": true, "release_review": true, "ttl_seconds": 604800,
	})
	due("public", [], {
		"mask": [], "compute_only": [], "consent_filter": false, "min_group": 0, "row_cap": 100000,
		"record_cap": 0, "label": true, "watermark": false, "second_person": false, "release_review": false, "ttl_seconds": 604800,
	})
	due("load", [], nothing)
	due("query", [{"op": "replace", "path": "/action", "value": "copy"}], nothing)
}

nothing := {
	"mask": [], "compute_only": [], "consent_filter": false, "min_group": 0, "row_cap": 0, "record_cap": 0,
	"label": false, "watermark": false, "second_person": false, "release_review": false, "ttl_seconds": 0,
}

due(base, patch, want) if {
	got := zonebox.decision with input as facts(base, patch)
	got.obligations == want
}

# Each level below the highest that is read has its own least group, which holds too.
test_least_group_of_the_levels_read if {
	least(10, [{"op": "replace", "path": "/columns/persons.id_number/level", "value": 3}, {"op": "replace", "path": "/columns/visits.id_number/level", "value": 3}])
	least(20, [])
}

least(n, patch) if {
	given := facts("query", array.concat([{"op": "replace", "path": "/zone/pack", "value": "levels"}], patch))
	got := zonebox.decision with input as given
	got.obligations.min_group == n
}

# A reason is told with its article and both texts, and what it is about within them.
test_reason_has_its_article_and_texts if {
	zonebox.reason(["DATASET_DISPUTED", "persons"]) == {
		"code": "DATASET_DISPUTED", "about": "persons",
		"article": data.reasons.DATASET_DISPUTED.article,
		"zh": replace(data.reasons.DATASET_DISPUTED.zh, "{}", "persons"),
		"en": replace(data.reasons.DATASET_DISPUTED.en, "{}", "persons"),
	}
}

# A draft of a pack denies where no basis is recorded, and is not warned of besides.
test_draft_pack_without_basis_is_no_warning if {
	given := facts("query", [{"op": "replace", "path": "/zone/pack", "value": "draft"}])
	got := {"deny": zonebox.deny, "warn": zonebox.warn} with input as given
	["PACK_DRAFT", "draft"] in got.deny
	not ["PACK_DRAFT", "draft"] in got.warn
}

# NJ24-08: told ahead of its end, and of a record that came later.
test_what_an_operator_is_told_ahead if {
	given := facts("query", [
		{"op": "replace", "path": "/operator/evidence/0/valid_until", "value": "2025-07-02"},
		{"op": "replace", "path": "/operator/incident_3y", "value": true},
	])
	zonebox.warn == {["EVIDENCE_EXPIRING", "mlps3"], ["OPERATOR_NOT_ELIGIBLE", "incident_3y"]} with input as given
}

# NJ19-27: a commercial license names its award.
test_a_commercial_license_names_its_award if {
	patch := [
		{"op": "replace", "path": "/zone/pack", "value": "nanjing-2019"},
		{"op": "replace", "path": "/license/purpose_class", "value": "COMMERCIAL"},
		{"op": "replace", "path": "/license/award_method", "value": "AUCTION"},
	]
	bare := facts("activation", patch)
	whole := facts("activation", array.concat(patch, [{"op": "replace", "path": "/license/award_ref", "value": "2026-1"}]))
	["LICENSE_AWARD", "COMMERCIAL"] in zonebox.deny with input as bare
	not ["LICENSE_AWARD", "COMMERCIAL"] in zonebox.deny with input as whole
}
