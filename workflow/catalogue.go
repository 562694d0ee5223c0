package workflow

// States of an edition of a catalogue entry.
const (
	Draft     State = "DRAFT"
	Published State = "PUBLISHED"
	Changed   State = "CHANGED"
	Retired   State = "RETIRED"
	Rejected  State = "REJECTED"
	Withdrawn State = "WITHDRAWN"
)

// CatalogueEdition is the way of one edition of a catalogue entry. Its provider
// writes and submits it, which binds the text and the version it is to follow; the
// zone's regulator concurs where it lowers protection (JM19-35); the city authority
// approves, returns or rejects it (NJ19-16); publishing must present the same text
// and version, and puts it into force. Until then it changes nothing.
//
// An edition in force is CHANGED once there is cause to change it (NJ19-18), and
// RETIRED with the entry or when the next edition takes its place.
var CatalogueEdition = Machine{
	Name:     "catalogue",
	Initial:  Draft,
	States:   []State{Draft, Submitted, Approved, Published, Changed, Retired, Rejected, Withdrawn},
	Starters: []string{"provider"},
	Moves: []Move{
		{Name: "draft", From: []State{Draft}, To: Draft, Roles: []string{"provider"}, Article: "NJ19-16"},
		{Name: "submit", From: []State{Draft}, To: Submitted, Roles: []string{"provider"}, Binds: true, Article: "NJ19-16"},
		{Name: "concur", From: []State{Submitted}, To: Submitted, Roles: []string{"zone_regulator"}, Article: "JM19-35"},
		{Name: "approve", From: []State{Submitted}, To: Approved, Roles: []string{"city_authority"}, Review: true, Article: "NJ19-16"},
		// Returning is no judgment: whoever returned it may approve what comes again.
		{Name: "return", From: []State{Submitted, Approved}, To: Draft, Roles: []string{"city_authority"}, Article: "NJ19-16"},
		{Name: "reject", From: []State{Submitted}, To: Rejected, Roles: []string{"city_authority"}, Review: true, Article: "NJ19-16"},
		{Name: "withdraw", From: []State{Draft, Submitted, Approved}, To: Withdrawn, Roles: []string{"provider"}, Article: "NJ19-16"},
		{Name: "publish", From: []State{Approved}, To: Published, Roles: []string{"city_authority", "provider"}, Consumes: true, Article: "SY20-12"},
		{Name: "change", From: []State{Published}, To: Changed, Roles: []string{"provider", "city_authority"}, Article: "NJ19-18"},
		{Name: "retire", From: []State{Published, Changed}, To: Retired, Roles: []string{"provider", "city_authority"}, Article: "NJ19-18"},
		{Name: "supersede", From: []State{Published, Changed}, To: Retired, Roles: []string{Engine}, Article: "SY20-12"},
	},
}
