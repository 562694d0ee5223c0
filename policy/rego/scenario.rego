package zonebox

deny contains ["SCENARIO_OTHER_LICENSE", input.scenario.id] if {
	asking
	input.scenario.license != input.license.id
}

deny contains ["SCENARIO_MISMATCH", input.query.scenario_id] if {
	asking
	input.query.scenario_id != input.scenario.id
}

deny contains ["SCENARIO_PERIOD", input.scenario.id] if {
	asking
	not within(input.scenario.from, input.scenario.until)
}

deny contains ["PURPOSE_FREE_TEXT", "purpose_code"] if {
	asking
	not regex.match(pack.purpose_code_pattern, input.query.purpose_code)
}

# JM19-18: a purpose is one of the codes that the pack publishes, when a license names
# it, when a scenario takes it up, and at each statement.
deny contains ["PURPOSE_UNLISTED", "purpose_code"] if {
	asking
	not pack.purposes[input.query.purpose_code]
}

deny contains ["PURPOSE_UNLISTED", code] if {
	activating
	some code in input.license.purposes
	not pack.purposes[code]
}

deny contains ["PURPOSE_UNLISTED", input.scenario.purpose_code] if {
	taking_up
	not pack.purposes[input.scenario.purpose_code]
}

# taking_up holds when a scenario is about to come into force.
taking_up if {
	input.action == "apply"
	input.change.kind == "Scenario"
}

deny contains ["FACT_MISSING", "scenario"] if {
	taking_up
	not input.scenario
}

deny contains ["PURPOSE_MISMATCH", "purpose_code"] if {
	asking
	input.query.purpose_code != input.scenario.purpose_code
}

deny contains ["PURPOSE_MISMATCH", "purpose_class"] if {
	asking
	input.scenario.purpose_class != input.license.purpose_class
}

deny contains ["RECIPIENT_UNLISTED", recipient] if {
	asking
	some recipient in recipients
	not recipient in input.scenario.recipients
}

recipients contains input.query.recipient

recipients contains input.output.recipient
