package zonebox

loading if input.action == "load"

# NJ24-15: a delivery enters only under an approved grant for that dataset.
deny contains ["LOAD_NO_GRANT", input.load.dataset] if {
	loading
	count(live) == 0
}

deny contains ["LOAD_NO_MANIFEST", input.load.dataset] if {
	loading
	some part in ["manifest", "found"]
	not input.load[part]
}

differs := {
	"schema_sha256": "LOAD_SCHEMA",
	"rows": "LOAD_ROWS",
	"digest": "LOAD_DIGEST",
}

deny contains [code, input.load.dataset] if {
	loading
	some field, code in differs
	input.load.manifest[field] != input.load.found[field]
}

deny contains ["COLUMN_LEVEL_UNSET", column] if some column in input.load.unlabelled

deny contains ["LOAD_LOOKALIKE", column] if some column in input.load.lookalike

deny contains ["LOAD_UNLISTED_COLUMN", column] if some column in input.load.unlisted
