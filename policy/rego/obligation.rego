package zonebox

no_obligations := {
	"mask": [],
	"compute_only": [],
	"consent_filter": false,
	"min_group": 0,
	"row_cap": 0,
	"record_cap": 0,
	"label": false,
	"watermark": false,
	"second_person": false,
	"release_review": false,
	"ttl_seconds": 0,
}

obligations := no_obligations if not asking

obligations := {
	"mask": [mask | some mask in masks],
	"compute_only": sort([column | some column in used; compute_only(column)]),
	"consent_filter": input.consent.required,
	"min_group": min_group,
	"row_cap": most_rows,
	"record_cap": record_cap,
	"label": pack.label,
	"watermark": pack.watermark,
	"second_person": second_person,
	"release_review": count(release_reviewers) > 0,
	"ttl_seconds": pack.ttl_seconds,
} if {
	asking
}

default min_group := 0

# YC22-38: groups are as large as the pack wants them, and as the highest level that
# is read wants them, or one below it.
min_group := max({pack.min_group} | wanted_groups) if input.query.protected

wanted_groups contains control.min_group if {
	some level, control in pack.level_controls
	to_number(level) <= highest
}

default record_cap := 0

record_cap := pack.record_cap if input.query.record_level

# An obligation the caller cannot carry out is not an obligation but a hole.
deny contains ["OBLIGATION_UNSUPPORTED", name] if {
	some name, value in obligations
	value != no_obligations[name]
	not name in input.capabilities
}
