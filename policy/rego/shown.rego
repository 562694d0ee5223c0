package zonebox

# A held output is shown to those who may review it: people of the zone's regulator and
# of the providers of what it was made of; to nobody who asked for it.

concerned contains name if {
	input.action == "review"
	some name in input.query.tables
}

# A provider speaks for what is sensitive in it, as one that decides does.
own_rows if {
	"provider" in input.subject.roles
	some column in speaking(columns_of(input.query))
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
