package zonebox

# NJ24-15: a delivery enters only under an approved grant for that dataset.
deny contains ["LOAD_NO_GRANT", input.load.dataset] if {
	input.action == "load"
	count(live) == 0
}

deny contains ["LOAD_NO_MANIFEST", input.load.dataset] if {
	input.action == "load"
	some part in ["manifest", "found"]
	not input.load[part]
}

# NJ24-13: what a delivery is for is a scenario in its time.
deny contains ["SCENARIO_PERIOD", input.scenario.id] if {
	input.action == "load"
	not within(input.scenario.from, input.scenario.until)
}

deny contains ["LOAD_OTHER_SCENARIO", input.scenario.id] if {
	input.action == "load"
	some grant in relevant
	grant.scenario != input.scenario.id
}

# NJ24-20: data of a day to come were not taken, and older ones than those in use
# would put the dataset back without anyone having decided so.
deny contains ["LOAD_FUTURE", input.load.dataset] if {
	input.action == "load"
	not acquired
}

acquired if {
	is_day(input.load.acquired)
	begun(input.load.acquired)
}

deny contains ["LOAD_OLDER", input.load.dataset] if {
	input.action == "load"
	acquired
	input.load.standing != ""
	input.load.acquired < input.load.standing
}

# Older than the declared frequency lets expect: told, not refused.
warn contains ["LOAD_STALE", input.load.dataset] if {
	input.action == "load"
	acquired
	time.add_date(instant(input.load.acquired), 0, 0, pack.freshness_days[input.load.frequency]) < now_ns
}

# NJ24-15: a signature is a provider person's over this very manifest, or it counts
# against the delivery.
deny contains ["LOAD_SIGNATURE", input.load.dataset] if {
	input.action == "load"
	input.load.signature
	not vouched
}

deny contains ["LOAD_UNSIGNED", input.load.dataset] if {
	input.action == "load"
	not input.load.signature
	not input.load.signature_required == false
}

vouched if {
	input.load.signature.valid == true
	"provider" in input.load.signature.roles
	input.load.signature.org == input.datasets[input.load.dataset].provider
	input.load.signature.org != ""
}

# NJ24-13: what was released to one scenario does not come in again under another,
# unless the grant, which regulator and provider signed, says so.
deny contains ["LOAD_REPEATS", scenario] if {
	input.action == "load"
	some scenario in input.load.repeats
}

differs := {
	"schema_sha256": "LOAD_SCHEMA",
	"rows": "LOAD_ROWS",
	"digest": "LOAD_DIGEST",
}

deny contains [code, input.load.dataset] if {
	input.action == "load"
	some field, code in differs
	input.load.manifest[field] != input.load.found[field]
}

deny contains ["COLUMN_LEVEL_UNSET", column] if some column in input.load.unlabelled

deny contains ["LOAD_LOOKALIKE", column] if some column in input.load.lookalike

deny contains ["LOAD_UNLISTED_COLUMN", column] if some column in input.load.unlisted
