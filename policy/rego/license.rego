package zonebox

deny contains ["ZONE_SUSPENDED", input.zone.id] if input.zone.status != "ACTIVE"

# activating holds when a license is about to come into force.
activating if {
	input.action == "apply"
	input.change.kind == "License"
	input.change.new == "ACTIVE"
}

deny contains ["FACT_MISSING", group] if {
	activating
	some group in ({"license", "operator"} - object.keys(input))
}

licensed if asking

licensed if activating

deny contains ["LICENSE_INACTIVE", input.license.id] if {
	asking
	input.license.status != "ACTIVE"
}

deny contains ["LICENSE_OTHER_ZONE", input.license.id] if {
	licensed
	input.license.zone != input.zone.id
}

deny contains ["LICENSE_NOT_BEGUN", input.license.id] if {
	asking
	not begun(input.license.start)
}

deny contains ["LICENSE_ENDED", input.license.id] if {
	licensed
	not lasting(input.license.end)
}

# NJ24-12: as a rule five years at most; a longer term needs its record.
deny contains ["LICENSE_TERM_TOO_LONG", input.license.id] if {
	licensed
	not term_short
	not term_excepted
}

term_short if instant(input.license.end) <= time.add_date(instant(input.license.start), pack.max_term_years, 0, 0)

deny contains ["LICENSE_SECTION_MISSING", section] if {
	licensed
	some section in pack.sections
	not section in input.license.sections
}

deny contains ["LICENSE_SIGNATURE_MISSING", party] if {
	licensed
	some party in pack.signers[input.zone.kind]
	not signed_by(party)
}

# Each party signs through a person in that role and of that organization. The
# organizations must differ, so one person never signs for two parties.
signed_by("operator") if {
	some s in signatures
	"operator" in s.roles
	s.org == input.license.operator
}

signed_by("zone_regulator") if {
	some s in signatures
	"zone_regulator" in s.roles
	s.org == input.zone.regulator
	s.org != input.license.operator
}

signed_by("city_authority") if {
	some s in signatures
	"city_authority" in s.roles
	s.org != input.license.operator
	not industry_regulator(s.org)
}

industry_regulator(org) if {
	input.zone.kind == "INDUSTRY"
	org == input.zone.regulator
}

signatures contains s if {
	some s in input.license.signatures
	s.valid
}

deny contains ["OPERATOR_MISMATCH", input.operator.id] if {
	licensed
	input.operator.id != input.license.operator
}

deny contains ["OPERATOR_NOT_ELIGIBLE", "org_form"] if {
	licensed
	not input.operator.org_form in {"legal_person", "unincorporated"}
}

# NJ24-08: what an operator must show when its license comes into force.
deny contains ["OPERATOR_NOT_ELIGIBLE", field] if {
	activating
	some field in ["credit_code", "security_officer", "security_department"]
	input.operator[field] == ""
}

deny contains ["OPERATOR_NOT_ELIGIBLE", field] if {
	activating
	some field in ["incident_3y", "dishonesty_3y"]
	input.operator[field]
}

# What stands on the record later is told at each question.
warn contains ["OPERATOR_NOT_ELIGIBLE", field] if {
	asking
	some field in ["incident_3y", "dishonesty_3y"]
	input.operator[field]
}

# NJ19-27: where the pack says so, the operator was chosen in competition, on record.
deny contains ["LICENSE_AWARD", input.license.purpose_class] if {
	activating
	methods := pack.award[input.license.purpose_class]
	not awarded(methods)
}

awarded(methods) if {
	input.license.award_method in methods
	input.license.award_ref != ""
}

expired contains evidence.kind if {
	some evidence in input.operator.evidence
	not lasting(evidence.valid_until)
}

deny contains ["EVIDENCE_EXPIRED", kind] if {
	activating
	some kind in expired
}

warn contains ["EVIDENCE_EXPIRED", kind] if {
	asking
	some kind in expired
}

# NJ24-08: what ends soon is told ahead.
warn contains ["EVIDENCE_EXPIRING", evidence.kind] if {
	licensed
	some evidence in input.operator.evidence
	lasting(evidence.valid_until)
	instant(evidence.valid_until) <= time.add_date(now_ns, 0, 0, pack.evidence_warn_days)
}
