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
