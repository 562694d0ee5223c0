package zonebox

# YC22-35, NJ24-23: two degrees, restrict and close, at five levels. A measure of
# which the degree is not RESTRICT ends all access; of several each counts.
restrictions contains r if {
	some r in input.restrictions
	in_force(r)
	about(r)
}

in_force(r) if r.until == ""

in_force(r) if lasting(r.until)

about(r) if {
	r.level == "operator"
	r.target in {input.operator.id, input.subject.org}
}

about(r) if {
	r.level == "license"
	r.target == input.license.id
}

about(r) if {
	r.level == "scenario"
	r.target == input.scenario.id
}

about(r) if {
	r.level == "zone"
	r.target == input.zone.id
}

about(r) if {
	r.level == "zone"
	r.target in {input.datasets[name].zone | some name in elsewhere}
}

about(r) if {
	r.level == "dataset"
	r.target in concerned
}

about(r) if {
	r.level == "column"
	r.target in used
}

# A level that no rule knows is about everything.
about(r) if not r.level in {"operator", "license", "scenario", "zone", "dataset", "column"}

deny contains ["ACCESS_CLOSED", r.id] if {
	licensed
	some r in restrictions
	r.degree != "RESTRICT"
}

deny contains ["ACCESS_RATE", r.id] if {
	input.action in {"query", "explain"}
	some r in restrictions
	r.rate > 0
	not under_rate(r.rate)
}

under_rate(rate) if input.history.operator_1h < rate

deny contains ["ACCESS_LEVEL", column] if {
	asking
	some r in restrictions
	r.max_level > 0
	some column in used
	input.columns[column].level > r.max_level
}

deny contains ["ACCESS_RECORDS", r.id] if {
	asking
	some r in restrictions
	r.aggregates_only
	not aggregated
}

aggregated if input.query.record_level == false
