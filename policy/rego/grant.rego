package zonebox

# relevant holds the grants the action stands on: those of the scenario, the one
# a delivery names, or the one about to come into force.
relevant contains grant if {
	asking
	some grant in input.grants
	grant.scenario == input.scenario.id
}

relevant contains grant if {
	input.action == "load"
	some grant in input.grants
	grant.id == input.load.manifest.grant
	grant.dataset == input.load.dataset
}

relevant contains grant if {
	input.action == "apply"
	input.change.kind == "Grant"
	some grant in input.grants
	grant.id == input.change.entity
}

# faults holds [grant id, code]. A grant with a fault grants nothing.
faults contains [grant.id, "GRANT_NOT_APPROVED"] if {
	some grant in relevant
	grant.status != "APPROVED"
}

faults contains [grant.id, "GRANT_PERIOD"] if {
	some grant in relevant
	not within(grant.from, grant.until)
}

faults contains [grant.id, "GRANT_COPY"] if {
	some grant in relevant
	not grant.access in {"", "REQUEST_RESPONSE"}
}

faults contains [grant.id, "GRANT_MODE"] if {
	some grant in relevant
	some column in grant.columns
	not mode_known(column)
}

mode_known(column) if column.mode in {"CLEAR", "COMPUTE_ONLY"}

mode_known(column) if {
	column.mode == "MASKED"
	column.recipe != ""
}

# NJ24-15: the zone regulator assesses, then the provider agrees; two people of
# two organizations, neither of them the operator's.
faults contains [grant.id, "GRANT_STEP_MISSING"] if {
	some grant in relevant
	some step in {"zreg", "prov"}
	not grant[step]
}

faults contains [grant.id, "GRANT_STEP_ORDER"] if {
	some grant in relevant
	not steps_ordered(grant)
}

steps_ordered(grant) if {
	instant(grant.zreg.at) <= instant(grant.prov.at)
	begun(grant.prov.at)
}

faults contains [grant.id, "GRANT_SAME_PERSON"] if {
	some grant in relevant
	grant.zreg.by == grant.prov.by
}

faults contains [grant.id, "GRANT_SAME_ORG"] if {
	some grant in relevant
	grant.zreg.org == grant.prov.org
}

faults contains [grant.id, "GRANT_OWN_APPROVAL"] if {
	some grant in relevant
	some step in {"zreg", "prov"}
	grant[step].org == input.license.operator
}

faults contains [grant.id, "GRANT_WRONG_REGULATOR"] if {
	some grant in relevant
	grant.zreg.org != input.zone.regulator
}

faults contains [grant.id, "GRANT_WRONG_PROVIDER"] if {
	some grant in relevant
	grant.prov.org != input.datasets[grant.dataset].provider
}

# YC22-25, JM19-35: what was agreed to under another level, open or share type is
# agreed to no longer.
faults contains [grant.id, "GRANT_ENTRY_CHANGED"] if {
	some grant in relevant
	count(grant.entry_changed) > 0
}

# NJ24-06: a partner may have some grants of a scenario alone.
faults contains [grant.id, "GRANT_NOT_PARTNERS"] if {
	asking
	count(input.subject.partner.grants) > 0
	some grant in relevant
	not grant.id in input.subject.partner.grants
}

# NJ24-16: where the pack wants the person's own consent, a grant is by consent or
# records another legal basis.
faults contains [grant.id, "GRANT_NO_BASIS"] if {
	some grant in relevant
	consent_wanted(grant)
	grant.basis != "CONSENT"
	count(grant.legal_basis) == 0
}

consent_wanted(grant) if {
	purpose_concerned
	pack.consent_required.personal_info
	input.datasets[grant.dataset].personal_info
}

consent_wanted(grant) if {
	purpose_concerned
	some column in grant.columns
	key := concat(".", [grant.dataset, column.name])
	key in judged
	wanted_of(input.columns[key])
}

wanted_of(column) if {
	pack.consent_required.personal_info
	column.personal_info
}

wanted_of(column) if column.level in pack.consent_required.levels

wanted_of(column) if column.class in pack.consent_required.classes

# A purpose that is not known is one of those that the pack names.
purpose_concerned if not pack.consent_required.purposes

purpose_concerned if not input.scenario

purpose_concerned if input.scenario.purpose_class in pack.consent_required.purposes

faulty contains id if some [id, _] in faults

live contains grant if {
	some grant in relevant
	not grant.id in faulty
}

# given maps a column to the modes and recipes live grants give it. It is made
# once: gives, asked for one column after the other, walks every grant each time.
given := gives

gives[key] contains [column.mode, column.recipe] if {
	some grant in live
	some column in grant.columns
	key := concat(".", [grant.dataset, column.name])
}

open_datasets contains grant.dataset if some grant in live

deny contains ["COLUMN_NOT_GRANTED", column] if {
	some column in used
	not given[column]
}

deny contains ["GRANT_CONFLICT", column] if {
	some column in used
	count(given[column]) > 1
}

deny contains ["DATASET_NOT_GRANTED", name] if {
	asking
	some name in concerned
	not name in open_datasets
}

# The faults of a grant are told where it would have made a difference.
deny contains [code, id] if {
	asking
	some [id, code] in faults
	some grant in relevant
	id == grant.id
	grant.dataset in concerned
	wanted(grant)
}

wanted(grant) if not grant.dataset in open_datasets

wanted(grant) if {
	some column in grant.columns
	key := concat(".", [grant.dataset, column.name])
	key in used
	not given[key]
}

deny contains [code, id] if {
	not asking
	some [id, code] in faults
}

# NJ24-14: level 3 and above is masked, or usable and not visible.
deny contains ["LEVEL_CLEAR", key] if {
	some grant in relevant
	some column in grant.columns
	column.mode == "CLEAR"
	key := concat(".", [grant.dataset, column.name])
	key in judged
	sensitive(key)
}

# YC22-38: where the scheme names the masks of a level, no other will do.
deny contains ["LEVEL_MASK", key] if {
	some grant in relevant
	some column in grant.columns
	column.mode == "MASKED"
	key := concat(".", [grant.dataset, column.name])
	key in judged
	allowed := controls(key).masks
	not technique(column.recipe) in allowed
}

# technique is the kind of a recipe as masking renders it: partial of partial(1,0).
technique(recipe) := regex.find_n(`^[a-z0-9_]+`, recipe, 1)[0]

deny contains ["OBLIGATION_UNSUPPORTED", condition] if {
	some grant in live
	some condition in grant.conditions
	not condition in input.capabilities
}
