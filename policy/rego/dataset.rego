package zonebox

# concerned holds the datasets the action is about.
concerned contains dataset if {
	asking
	some dataset in input.query.tables
}

concerned contains input.columns[column].dataset if some column in used

concerned contains input.load.dataset if input.action == "load"

concerned contains grant.dataset if {
	input.action == "apply"
	some grant in relevant
}

deny contains ["DATASET_UNCATALOGUED", name] if {
	some name in concerned
	not catalogued(name)
}

catalogued(name) if input.datasets[name].catalogue_status == "PUBLISHED"

# Each flag of the catalogue that shuts a dataset.
shut := {
	"secret_flag": "DATASET_SECRET",
	"negative_listed": "DATASET_NEGATIVE_LISTED",
	"suspended": "DATASET_SUSPENDED",
	"temporary": "DATASET_TEMPORARY",
}

deny contains [code, name] if {
	some name in concerned
	some flag, code in shut
	input.datasets[name][flag]
}

# SY20-24, JM19-20: each regulation has its own classes. The catalogue says either
# one of them or what it is in every city, and no class nobody knows is admitted.
admitted(types, code) if types[code].operable

admitted(types, code) if {
	not types[code]
	some own in types
	own.class == code
	own.operable
}

deny contains ["DATASET_PROHIBITED", name] if {
	some name in concerned
	not admitted(pack.open_types, input.datasets[name].open_type)
}

deny contains ["DATASET_NOT_SHARED", name] if {
	some name in concerned
	not admitted(pack.share_types, input.datasets[name].share_type)
}

deny contains ["DATASET_NO_PROVIDER", name] if {
	some name in concerned
	input.datasets[name].provider == ""
}

deny contains ["DATASET_PROVIDER_TYPE", name] if {
	some name in concerned
	not input.datasets[name].provider_type in pack.provider_types
}

# Whether data are there is no concern of who has no grant of them.
deny contains ["DATASET_NOT_LOADED", name] if {
	asking
	some name in concerned
	name in open_datasets
	input.datasets[name].version == ""
}

deny contains ["DATASET_INTEGRITY", name] if {
	asking
	some name in concerned
	not input.datasets[name].digest_ok
}

warn contains ["DATASET_DISPUTED", name] if {
	some name in concerned
	input.datasets[name].disputed
}
