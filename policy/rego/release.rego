package zonebox

deny contains ["RELEASE_UNMASKED", ""] if {
	input.action == "release"
	not input.output.unmasked_cells == 0
}

deny contains ["RELEASE_RAW_MATCH", ""] if {
	input.action == "release"
	not input.output.raw_matches == 0
}

# JM19-36: what leaves is looked through for identifiers of people.
deny contains ["RELEASE_IDENTIFIER", sprintf("%s (%s)", [found.column, found.class])] if {
	input.action == "release"
	some found in input.output.identifiers
}

# The smallest group is unknown only when nothing leaves or nothing is protected.
deny contains ["RELEASE_MIN_GROUP", ""] if {
	input.action == "release"
	input.query.protected
	not input.query.record_level
	not input.output.rows == 0
	not groups_large
}

groups_large if input.output.min_group >= min_group

deny contains ["RELEASE_ROW_CAP", ""] if {
	input.action == "release"
	not input.output.rows <= row_cap
}

row_cap := pack.record_cap if input.query.record_level

row_cap := most_rows if not input.query.record_level

deny contains ["RELEASE_RECIPIENT", input.output.recipient] if {
	input.action == "release"
	input.output.recipient != input.query.recipient
}

deny contains ["RELEASE_FORM", input.output.form] if {
	input.action == "release"
	not input.output.form in input.scenario.output_forms
}

deny contains ["RELEASE_LABEL", ""] if {
	input.action == "release"
	pack.label
	not labelled
}

labelled if {
	input.output.label.license == input.license.id
	input.output.label.scenario == input.scenario.id
	input.output.label.zone == input.zone.id
}

deny contains ["RELEASE_LABEL_SOURCE", name] if {
	input.action == "release"
	pack.label
	some name in concerned
	not named_source(name)
}

named_source(name) if {
	some source in input.output.label.sources
	source.dataset == name
	source.provider == input.datasets[name].provider
	source.version == input.datasets[name].version
}

deny contains ["RELEASE_SIGNATURE", ""] if {
	input.action == "release"
	input.output.signature_key == ""
}

deny contains ["RELEASE_WATERMARK", ""] if {
	input.action == "release"
	pack.watermark
	input.output.watermark_id == ""
}

# NJ24-16: an output of before a withdrawal leaves when somebody has looked at it
# since, and approved it all the same.
review contains ["CONSENT_WITHDRAWN", input.consent.withdrawn_at] if {
	input.action == "release"
	not looked_at_since
}

looked_at_since if {
	count(lookers - {approval.role | some approval in presented}) == 0
	every approval in presented {
		instant(approval.at) > instant(input.consent.withdrawn_at)
	}
}

lookers := {"zone_regulator"} if not second_person

lookers := {role | some role in two_people} if second_person
