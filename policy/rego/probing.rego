package zonebox

# NJ24-21: many refusals in a short time look like probing. That alone stops
# nothing: whoever reviews sees it, and the gate has raised the alert.
warn contains ["PROBING_SUSPECTED", input.subject.user_id] if {
	input.action in {"query", "explain"}
	input.history.denials_1h >= pack.probing_denials_1h
}
