package zonebox

deny contains ["ACCOUNT_INACTIVE", input.subject.user_id] if input.subject.account_status != "active"

deny contains ["SUBJECT_UNNAMED", input.subject.user_id] if not input.subject.real_name

deny contains ["ROLE_NOT_ALLOWED", input.action] if {
	needs[input.action]
	not role_allowed
}

role_allowed if {
	some role in input.subject.roles
	role in pack.roles[input.action]
}

# JM19-36: operation, supervision, platform, security and audit are held by
# different people.
deny contains ["ROLE_CONFLICT", concat(", ", sort([role | some role in input.subject.roles]))] if {
	held := {i | some i, group in pack.exclusive_roles; some role in input.subject.roles; role in group}
	count(held) > 1
}

deny contains ["SUBJECT_NOT_OPERATOR", input.subject.org] if {
	asking
	not acts_for_operator
}

acts_for_operator if input.subject.org == input.license.operator

acts_for_operator if {
	input.subject.partner_of == input.license.operator
	input.subject.partner.license == input.license.id
}

# NJ24-06: a partner has a part of the operator's license, while it lasts.
deny contains ["PARTNER_INACTIVE", input.subject.partner.id] if {
	asking
	input.subject.partner.status != "ACTIVE"
}

deny contains ["PARTNER_PERIOD", input.subject.partner.id] if {
	asking
	input.subject.partner != null
	not within(input.subject.partner.from, input.subject.partner.until)
}

deny contains ["PARTNER_SCENARIO", input.scenario.id] if {
	asking
	input.subject.partner != null
	not input.scenario.id in input.subject.partner.scenarios
}

deny contains ["CONFIDENTIALITY_MISSING", input.subject.org] if {
	input.subject.partner_of != ""
	input.subject.confidentiality_ref == ""
}
