package zonebox

# A held output is shown to those who may review it: people of the zone's regulator and
# of the providers of what it was made of; to nobody who asked for it.

concerned contains name if {
	input.action == "review"
	some name in input.query.tables
}

# A provider speaks for what is sensitive in it, as one that decides does.
read_for_it contains column if {
	input.action == "review"
	some list in ["columns_read", "filter_cols", "join_cols", "group_cols"]
	some column in input.query[list]
}

read_for_it contains column if {
	input.action == "review"
	some out in input.query.outputs
	some column in out.lineage
}

own_rows if {
	"provider" in input.subject.roles
	some column in read_for_it
	input.columns[column].level >= min([pack.level_threshold, max([input.columns[c].level | some c in read_for_it])])
	input.subject.org == input.datasets[input.columns[column].dataset].provider
}

deny contains ["REVIEW_NOT_YOURS", input.review.run] if {
	input.action == "review"
	not own_zone
	not own_rows
}

deny contains ["REVIEW_OWN", input.review.run] if {
	input.action == "review"
	input.subject.user_id == input.review.requester
}

deny contains ["REVIEW_OWN", input.review.run] if {
	input.action == "review"
	input.subject.org in {input.review.requester_org, input.review.operator}
}
