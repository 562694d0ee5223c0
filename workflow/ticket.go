package workflow

// States of a quality ticket.
const (
	Opened     State = "OPENED"
	Traced     State = "TRACED"
	Assigned   State = "ASSIGNED"
	Replied    State = "REPLIED"
	Corrected  State = "CORRECTED"
	NotAnError State = "NOT_AN_ERROR"
	Verified   State = "VERIFIED"
	Closed     State = "CLOSED"
	Conflict   State = "CONFLICT"
)

// ticketOpeners open a ticket, the first three a doubt and the last three a task, and
// see to its end.
var ticketOpeners = []string{"operator", "provider", "data_centre", "zone_regulator", "city_authority"}

// QualityTicket is the way of one doubt about data, from whoever met it back to
// the provider and forth again (NJ24-20). The gate traces where the data come from
// and assigns the ticket to their provider, who replies and corrects, or says that
// nothing is wrong; the opener verifies, or sends it back. Two providers that do
// not agree are a conflict, which the city authority decides (JM19-15). The data
// stay in use all the while (YC22-23). A task that an authority or the data centre
// gives a provider goes the same way, but for how it comes to it: by order (YC22-16).
//
// That who verifies is who opened, and who replies is of the provider it was
// assigned to, is the caller's to see to where a role alone does not say so.
var QualityTicket = Machine{
	Name:     "ticket",
	Initial:  Opened,
	States:   []State{Opened, Traced, Assigned, Replied, Corrected, NotAnError, Verified, Closed, Conflict},
	Starters: ticketOpeners,
	Moves: []Move{
		{Name: "trace", From: []State{Opened}, To: Traced, Roles: []string{Engine}, Article: "YC22-16"},
		{Name: "assign", From: []State{Traced}, To: Assigned, Roles: []string{Engine}, Article: "NJ24-20"},
		{Name: "order", From: []State{Traced}, To: Assigned, Roles: []string{Engine}, Article: "YC22-16"},
		{Name: "reply", From: []State{Assigned}, To: Replied, Roles: []string{"provider"}, Article: "JM19-23"},
		{Name: "correct", From: []State{Replied}, To: Corrected, Roles: []string{"provider"}, Article: "JM19-23"},
		{Name: "deny", From: []State{Replied}, To: NotAnError, Roles: []string{"provider"}, Article: "JM19-23"},
		{Name: "verify", From: []State{Corrected, NotAnError}, To: Verified, Roles: ticketOpeners, Article: "NJ24-20"},
		{Name: "return", From: []State{Corrected, NotAnError}, To: Assigned, Roles: ticketOpeners, Article: "NJ24-20"},
		{Name: "close", From: []State{Verified}, To: Closed, Roles: []string{Engine}, Article: "NJ24-20"},
		{Name: "dispute", From: []State{Assigned, Replied}, To: Conflict, Roles: []string{"provider", "data_centre"}, Article: "JM19-15"},
		{Name: "uphold", From: []State{Conflict}, To: Assigned, Roles: []string{"city_authority"}, Article: "JM19-15"},
		{Name: "dismiss", From: []State{Conflict}, To: NotAnError, Roles: []string{"city_authority"}, Article: "JM19-15"},
	},
}
