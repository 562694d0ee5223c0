package zonebox

# NJ24-05: another zone's data only through a live supply record, which only a
# comprehensive zone gives, of the columns it names, under one pack.

elsewhere contains name if {
	some name in concerned
	input.datasets[name].zone != input.zone.id
}

deny contains ["ZONE_NO_SUPPLY", name] if {
	some name in elsewhere
	not supplies[name]
}

supplies[s.dataset] contains s if {
	some s in input.supply
	s.from_zone == input.datasets[s.dataset].zone
	s.from_kind == "COMPREHENSIVE"
	s.to_zone == input.zone.id
	s.from_pack == input.zone.pack
	within(s.from, s.until)
	count(s.entry_changed) == 0
	supply_agreed(s)
}

# Both regulators agreed, then the provider: three people, the provider of another
# organization.
supply_agreed(s) if {
	s.from_zreg.org == s.from_regulator
	s.to_zreg.org == input.zone.regulator
	s.prov.org == input.datasets[s.dataset].provider
	s.from_zreg.by != s.to_zreg.by
	not s.prov.by in {s.from_zreg.by, s.to_zreg.by}
	not s.prov.org in {s.from_zreg.org, s.to_zreg.org}
	instant(s.from_zreg.at) <= instant(s.prov.at)
	instant(s.to_zreg.at) <= instant(s.prov.at)
	begun(s.prov.at)
}

deny contains ["ZONE_SUSPENDED", s.from_zone] if {
	some name in elsewhere
	some s in supplies[name]
	s.from_status != "ACTIVE"
}

deny contains ["SUPPLY_COLUMN", key] if {
	some key in used
	input.columns[key].dataset in elsewhere
	not column_supplied(input.columns[key])
}

column_supplied(column) if {
	some s in supplies[column.dataset]
	column.name in s.columns
}

# Raw values of two zones are not brought together: what joins is a token, and one of
# another zone only by a bridge.
deny contains ["SUPPLY_LINK", key] if {
	some grant in relevant
	grant.dataset in elsewhere
	some column in grant.columns
	some permission in column.permissions
	permission in {"joinkey", "cmp_col"}
	key := concat(".", [grant.dataset, column.name])
	key in judged
}
