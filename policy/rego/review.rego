package zonebox

# Which people must agree follows from the highest level the statement reads and
# from whether single records come out.

levels := {input.columns[column].level | some column in used}

highest := max(levels)

# What reads no column of data that people must look at is still looked at.
highest := min({to_number(level) | some level in object.keys(pack.level_controls)}) if {
	count(levels) == 0
	touches_safety
}

# Records of people are looked at, and so is whatever is made of data that touch public
# safety, rows or statistics. Other data, which carry no personal information, leave by
# themselves (NJ24-16); where both kinds are read together they count as the former.
shape := "record" if looked_at

shape := "aggregate" if not looked_at

looked_at if input.query.record_level

looked_at if touches_safety

touches_safety if {
	some name in concerned
	not input.datasets[name].public_safety == false
}

stage := "release_review" if input.action == "release"

stage := "query_review" if input.action in {"query", "explain"}

step := {"query_review": "query", "release_review": "release"}[stage]

default reviewers := []

reviewers := pack.level_controls[format_int(highest, 10)][shape].query_review if stage == "query_review"

reviewers := release_reviewers if stage == "release_review"

default listed := []

listed := pack.level_controls[format_int(highest, 10)][shape].release_review

# NJ24-14, NJ24-15: what was made of protected columns leaves on no single signature. Who
# looks at such an output, for whatever reason, is followed by a second person of another
# organization, whatever the pack lists for the level.
default second_person := false

second_person if highest >= pack.level_threshold

second_person if count(listed) > 1

two_people := ["zone_regulator", "provider"]

release_reviewers := listed if not raised_to_two

release_reviewers := two_people if raised_to_two

raised_to_two if {
	count(listed) == 1
	second_person
}

code_of := {"query_review": "QUERY_REVIEW", "release_review": "RELEASE_REVIEW"}

review contains [code_of[stage], role] if {
	not reviewed
	some role in reviewers_missing
}

# An approval stands for the facts it was given on, until it expires, and never
# for one's own request.
approval_faults contains [approval.by, "APPROVAL_VOID"] if {
	some approval in presented
	approval.binding != input.binding
}

approval_faults contains [approval.by, "APPROVAL_EXPIRED"] if {
	some approval in presented
	not within(approval.at, approval.expires_at)
}

approval_faults contains [approval.by, "APPROVAL_OWN"] if {
	some approval in presented
	approval.by == input.subject.user_id
}

approval_faults contains [approval.by, "APPROVAL_OWN"] if {
	some approval in presented
	approval.org in {input.subject.org, input.license.operator}
}

approval_faults contains [approval.by, "APPROVAL_WRONG_ORG"] if {
	some approval in presented
	not competent(approval)
}

presented contains approval if {
	asking
	some approval in input.approvals
	approval.step == step
}

competent(approval) if {
	approval.role == "zone_regulator"
	approval.org == input.zone.regulator
}

# The second person speaks for a provider of what is sensitive here.
competent(approval) if {
	approval.role == "provider"
	some column in speaking(used)
	approval.org == input.datasets[input.columns[column].dataset].provider
}

deny contains [code, by] if some [by, code] in approval_faults

deny contains ["APPROVAL_SAME_PERSON", a.by] if {
	some a in presented
	some b in presented
	a.role != b.role
	same_side(a, b)
}

same_side(a, b) if a.by == b.by

same_side(a, b) if a.org == b.org

reviewed if count(reviewers) == 0

reviewed if {
	count(reviewers) == 1
	some a in presented
	a.role == reviewers[0]
}

reviewed if {
	count(reviewers) == 2
	some a in presented
	some b in presented
	a.role == reviewers[0]
	b.role == reviewers[1]
	instant(a.at) <= instant(b.at)
}

# reviewers_missing lists the roles still to come; both when the order is wrong.
reviewers_missing := [] if reviewed

reviewers_missing := open_roles if {
	not reviewed
	count(open_roles) > 0
}

reviewers_missing := reviewers if {
	not reviewed
	count(open_roles) == 0
}

open_roles := [role |
	some role in reviewers
	not role in {a.role | some a in presented}
]
