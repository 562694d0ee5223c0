package zonebox

# used holds every column the statement reads, wherever it stands.
used contains column if {
	asking
	some column in columns_of(input.query)
}

columns_of(query) := union({
	{column |
		some list in ["columns_read", "filter_cols", "join_cols", "group_cols"]
		some column in query[list]
	},
	{column |
		some out in query.outputs
		some column in out.lineage
	},
})

# speaking holds those of some columns that are protected, or the highest of them where
# none is: their providers decide on what is made of all.
speaking(columns) := {column |
	some column in columns
	input.columns[column].level >= min([pack.level_threshold, max([input.columns[c].level | some c in columns])])
}

# judged holds the columns the action is about: those used, all of a delivery,
# all of a grant.
judged contains column if some column in used

judged contains key if {
	input.action == "load"
	some key, column in input.columns
	column.dataset == input.load.dataset
}

judged contains key if {
	input.action == "apply"
	some grant in relevant
	some column in grant.columns
	key := concat(".", [grant.dataset, column.name])
}

deny contains ["COLUMN_UNKNOWN", column] if {
	some column in judged
	not input.columns[column]
}

deny contains ["COLUMN_LEVEL_UNSET", column] if {
	some column in judged
	not controls(column)
}

# What the pack's scheme of levels asks of a column.
controls(column) := pack.level_controls[format_int(input.columns[column].level, 10)]

# YC22-38: a level that the scheme gives no single records of, or nothing at all,
# leaves in no other shape.
deny contains ["LEVEL_EGRESS", column] if {
	some column in used
	controls(column)
	not controls(column)[shape]
}

column_shut := {
	"secret_flag": "COLUMN_SECRET",
	"negative_listed": "COLUMN_NEGATIVE_LISTED",
	"suspended": "COLUMN_SUSPENDED",
}

deny contains [code, column] if {
	some column in judged
	some flag, code in column_shut
	input.columns[column][flag]
}

sensitive(column) if input.columns[column].level >= pack.level_threshold
