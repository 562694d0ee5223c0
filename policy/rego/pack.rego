package zonebox

pack := data.packs[input.zone.pack]

deny contains ["PACK_UNKNOWN", input.zone.pack] if not pack

deny contains ["PACK_NOT_IN_FORCE", pack.id] if {
	pack.validity.from != ""
	not begun(pack.validity.from)
}

# What is to be told of the pack, whether or not it denies.
unsettled contains "PACK_LAPSED" if {
	pack.validity.until != ""
	not lasting(pack.validity.until)
}

unsettled contains "PACK_DRAFT" if pack.status != "IN_FORCE"

# NJ24-24: what runs when a pack ends goes on, with a warning on each decision; nothing
# comes into force after its end without a recorded basis.
barred contains "PACK_LAPSED" if input.action == "apply"

# JM19-43: under a pack that never came into force nothing goes on without one either.
barred contains "PACK_DRAFT"

baseless if input.license.renewed_basis == ""

deny contains [code, pack.id] if {
	baseless
	some code in (unsettled & barred)
}

warn contains [code, pack.id] if {
	not baseless
	some code in unsettled
}

warn contains [code, pack.id] if {
	baseless
	some code in (unsettled - barred)
}
