package workflow

// States of the course of a license that no other machine has.
const (
	CallOpen     State = "CALL_OPEN"
	Applied      State = "APPLIED"
	MaterialsOK  State = "MATERIALS_OK"
	Reviewed     State = "REVIEWED"
	GovConsented State = "GOV_CONSENTED"
	Drafted      State = "DRAFTED"
	Signing      State = "SIGNING"
	Active       State = "ACTIVE"
	Suspended    State = "SUSPENDED"
	Terminated   State = "TERMINATED"
	Offboarding  State = "OFFBOARDING"
)

// beforeSigned are the states of a course that may still come to nothing.
var beforeSigned = []State{CallOpen, Applied, MaterialsOK, Reviewed, GovConsented, Published, Drafted, Signing}

// Agreement is the course of a license, from an open call to the end of the last
// trace of it. An operator applies under a call (NJ24-07) with its materials
// (NJ24-09); the city authority checks them; the zone's regulator and the city
// authority enter one and the same result of the experts, of which the regulator's
// word binds what the city enters; government consent and publication follow
// (NJ24-10). Drafting binds the text, which every party signs as it stands, and
// activation presents the same text (NJ24-10, NJ24-11).
//
// Which signatures it takes, and that suspension, resumption and termination are the
// word of both authorities, stands with the rules of the document License; the course
// moves with the document in one transaction. The clock alone expires it (NJ24-12).
var Agreement = Machine{
	Name:    "agreement",
	Initial: CallOpen,
	States: []State{CallOpen, Applied, MaterialsOK, Reviewed, GovConsented, Published, Drafted, Signing,
		Active, Suspended, Terminated, Expired, Offboarding, Closed, Rejected, Withdrawn},
	Starters: []string{"operator"},
	Moves: []Move{
		{Name: "apply", From: []State{CallOpen}, To: Applied, Roles: []string{"operator"}, Article: "NJ24-07"},
		{Name: "check", From: []State{Applied}, To: MaterialsOK, Roles: []string{"city_authority"}, Article: "NJ24-09"},
		{Name: "assess", From: []State{MaterialsOK}, To: MaterialsOK, Roles: []string{"zone_regulator"}, Binds: true, Article: "NJ24-10"},
		{Name: "review", From: []State{MaterialsOK}, To: Reviewed, Roles: []string{"city_authority"}, Article: "NJ24-10"},
		{Name: "consent", From: []State{Reviewed}, To: GovConsented, Roles: []string{"city_authority"}, Article: "NJ24-10"},
		{Name: "publish", From: []State{GovConsented}, To: Published, Roles: []string{"city_authority"}, Article: "NJ24-10"},
		// Drafting anew voids the signatures that were given.
		{Name: "draft", From: []State{Published, Drafted, Signing}, To: Drafted, Roles: []string{"city_authority"}, Binds: true, Article: "NJ24-11"},
		{Name: "sign", From: []State{Drafted, Signing}, To: Signing, Roles: []string{"operator", "zone_regulator", "city_authority"}, Consumes: true, Article: "NJ24-10"},
		{Name: "activate", From: []State{Signing}, To: Active, Roles: []string{"city_authority"}, Consumes: true, Article: "NJ24-10"},
		{Name: "suspend", From: []State{Active}, To: Suspended, Roles: []string{"city_authority", "zone_regulator"}, Article: "NJ24-12"},
		{Name: "resume", From: []State{Suspended}, To: Active, Roles: []string{"city_authority", "zone_regulator"}, Article: "NJ24-12"},
		{Name: "terminate", From: []State{Active, Suspended}, To: Terminated, Roles: []string{"city_authority", "zone_regulator"}, Article: "NJ24-12"},
		{Name: "expire", From: []State{Active, Suspended}, To: Expired, Roles: []string{Engine}, Article: "NJ24-12"},
		{Name: "offboard", From: []State{Terminated, Expired}, To: Offboarding, Roles: []string{"data_centre"}, Article: "YC22-40"},
		{Name: "close", From: []State{Offboarding}, To: Closed, Roles: []string{"auditor", "city_authority"}, Article: "YC22-40"},
		{Name: "reject", From: []State{Applied, MaterialsOK, Reviewed, GovConsented}, To: Rejected, Roles: []string{"city_authority"}, Article: "NJ24-10"},
		{Name: "withdraw", From: beforeSigned, To: Withdrawn, Roles: []string{"operator"}, Article: "NJ24-07"},
	},
}
