package zonebox

pack := data.packs[input.zone.pack]

deny contains ["PACK_UNKNOWN", input.zone.pack] if not pack

deny contains ["PACK_NOT_IN_FORCE", pack.id] if {
	pack.validity.from != ""
	not begun(pack.validity.from)
}

lapsed if {
	pack.validity.until != ""
	not lasting(pack.validity.until)
}

unsettled["PACK_LAPSED"] if lapsed

unsettled["PACK_DRAFT"] if pack.status != "IN_FORCE"

# NJ24-24, JM19-43: under a pack that has ended or never came into force, an
# agreement goes on only with a recorded basis, and then with a warning.
deny contains [code, pack.id] if {
	some code in object.keys(unsettled)
	input.license.renewed_basis == ""
}

warn contains [code, pack.id] if {
	some code in object.keys(unsettled)
	not input.license.renewed_basis == ""
}
