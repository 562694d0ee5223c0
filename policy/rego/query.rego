package zonebox

deny contains ["STATEMENT_REFUSED", "statement_count"] if {
	asking
	input.query.statement_count != 1
}

deny contains ["STATEMENT_REFUSED", "kind"] if {
	asking
	input.query.kind != "SELECT"
}

deny contains ["EXTERNAL_REFERENCE", name] if {
	asking
	some name in input.query.external_refs
}

# What the analysis says must not be milder than the catalogue.
deny contains ["FACT_CONTRADICTS", "query.protected"] if {
	asking
	not input.query.protected
	protected_by_catalogue
}

deny contains ["FACT_CONTRADICTS", "query.tables"] if {
	asking
	some column in used
	not input.columns[column].dataset in input.query.tables
}

protected_by_catalogue if {
	some name in concerned
	input.datasets[name].personal_info
}

protected_by_catalogue if {
	some column in used
	sensitive(column)
}

# The form of each output, against the way its columns were granted.
deny contains ["OUTPUT_FORM_UNKNOWN", out.name] if {
	asking
	some out in input.query.outputs
	not form_known(out)
}

form_known(out) if out.form in {"aggregate", "constant"}

form_known(out) if {
	out.form in {"clear", "masked", "token", "group_label"}
	count(out.lineage) > 0
}

deny contains ["OUTPUT_UNMASKED", out.name] if {
	asking
	some out in input.query.outputs
	out.form in {"clear", "constant"}
	some column in out.lineage
	sensitive(column)
}

deny contains ["OUTPUT_UNMASKED", out.name] if {
	asking
	some out in input.query.outputs
	out.form in {"masked", "token"}
	some column in out.lineage
	sensitive(column)
	not masked(column)
}

deny contains ["OUTPUT_LABEL", out.name] if {
	asking
	some out in input.query.outputs
	out.form == "group_label"
	some column in out.lineage
	sensitive(column)
	not masked(column)
	not input.columns[column].public_codes
}

deny contains ["COMPUTE_ONLY_PROJECTED", out.name] if {
	asking
	some out in input.query.outputs
	not out.form in {"aggregate", "group_label"}
	some column in out.lineage
	compute_only(column)
}

masked(column) if {
	some [mode, _] in given[column]
	mode == "MASKED"
}

compute_only(column) if {
	some [mode, _] in given[column]
	mode == "COMPUTE_ONLY"
}

# Masking plans what the grants demand, recipe by recipe.
masks contains {"column": column, "recipe": recipe} if {
	some column in used
	some [mode, recipe] in given[column]
	mode == "MASKED"
}

planned contains {"column": r.column, "recipe": r.recipe} if some r in input.masking.recipes

deny contains ["MASK_NOT_PLANNED", mask.column] if some mask in (masks - planned)

deny contains ["MASK_KEYS_MISSING", ""] if {
	count(masks) > 0
	not input.masking.keys_available
}

# NJ24-16: personal information only with the person's own, valid consent.
deny contains ["CONSENT_NOT_FILTERED", ""] if {
	asking
	input.consent.required
	not consent_bound
}

consent_bound if {
	input.consent.filter_bound
	input.consent.registry_version != ""
}

# What is granted by consent is cut to it, whatever is said of the statement.
deny contains ["FACT_CONTRADICTS", "consent.required"] if {
	asking
	not input.consent.required
	some grant in live
	grant.basis == "CONSENT"
	grant.dataset in concerned
}

deny contains ["CONSENT_BLANKET", ""] if {
	asking
	input.consent.blanket_found
}
