package zonebox

# license.rego judges the activation of a license, grant.rego a grant.

deny contains ["CHANGE_NO_GRANT", input.change.entity] if {
	input.action == "apply"
	input.change.kind == "Grant"
	count(relevant) == 0
}

# JM19-35: the provider sets a level; lowering one takes the regulator as well,
# and a reason.
releveling if {
	input.action == "apply"
	input.change.kind == "Dataset"
	input.change.field == "level"
}

deny contains ["LEVEL_NOT_BY_PROVIDER", input.change.entity] if {
	releveling
	count(provider_signers) == 0
}

provider_signers contains s.by if {
	some s in input.change.by
	"provider" in s.roles
	s.org == input.datasets[input.columns[input.change.entity].dataset].provider
}

regulator_signers contains s.by if {
	some s in input.change.by
	"zone_regulator" in s.roles
	s.org == input.zone.regulator
}

deny contains ["LEVEL_LOWERED", input.change.entity] if {
	releveling
	not raised
	not agreed
}

raised if to_number(input.change.new) >= to_number(input.change.old)

agreed if {
	some p in provider_signers
	some r in regulator_signers
	p != r
	input.change.reason != ""
}
