package zonebox

# NJ24-21: many refusals in a short time look like probing. That alone stops
# nothing: whoever reviews sees it, and the gate has raised the alert of the rule.
warn contains ["PROBING_SUSPECTED", input.subject.user_id] if {
	input.action in {"query", "explain"}
	some rule in pack.alerts
	rule.counter == "refusals"
	rule.per == "person"
	rule.window == "1h"
	input.history.denials_1h >= rule.at_least
}
