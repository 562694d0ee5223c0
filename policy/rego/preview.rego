package zonebox

# A preview shows some rows of a dataset by a grant: as they would be given, and
# beside that, to the people whose rows they are, as they are.

relevant contains grant if {
	input.action == "preview"
	some grant in input.grants
	grant.id == input.preview.grant
	grant.dataset == input.preview.dataset
}

concerned contains input.preview.dataset if input.action == "preview"

judged contains column if {
	input.action == "preview"
	some column in input.preview.columns
}

own_data if {
	"provider" in input.subject.roles
	input.subject.org == input.datasets[input.preview.dataset].provider
}

own_zone if {
	"zone_regulator" in input.subject.roles
	input.subject.org == input.zone.regulator
}

deny contains ["PREVIEW_NOT_YOURS", input.preview.dataset] if {
	input.action == "preview"
	not own_data
	not own_zone
}

deny contains ["PREVIEW_RAW", input.preview.dataset] if {
	input.action == "preview"
	input.preview.raw
	not own_data
}

# By a recipe of one's own choice raw values can be read: the zone's regulator
# sees what a grant in force gives, which its provider has signed.
deny contains ["PREVIEW_NO_GRANT", input.preview.dataset] if {
	input.action == "preview"
	not own_data
	count(live) == 0
}
