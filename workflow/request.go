package workflow

// States of a data request.
const (
	ZregAssessing State = "ZREG_ASSESSING"
	ProvReviewing State = "PROV_REVIEWING"
	Shared        State = "SHARED"
	Loaded        State = "LOADED"
	Returned      State = "RETURNED"
	Disputed      State = "DISPUTED"
	Revoked       State = "REVOKED"
	Lapsed        State = "LAPSED"
)

// DataRequest is the way of an operator's request for data (NJ24-15): filed, assessed
// by the zone's regulator, then reviewed by the provider of every dataset, each
// another person of another organization. Assessing binds the grants that both sign;
// the last provider's approval must present the same, and puts them into force.
//
// Data come by a delivery, which the gate notes. A dispute freezes a request that is
// not granted until the city authority decides (SY20-21): it upholds the refusal, or
// resumes, and then all is assessed anew. The city authority grants nothing itself,
// and no lapse of time does.
var DataRequest = Machine{
	Name:    "request",
	Initial: Draft,
	States: []State{Draft, Submitted, ZregAssessing, ProvReviewing, Approved, Shared, Loaded, Returned, Rejected, Disputed,
		Revoked, Lapsed},
	Starters: []string{"operator"},
	Moves: []Move{
		{Name: "submit", From: []State{Draft}, To: Submitted, Roles: []string{"operator"}, Article: "NJ24-15"},
		{Name: "accept", From: []State{Submitted}, To: ZregAssessing, Roles: []string{Engine}, Article: "NJ24-15"},
		{Name: "assess", From: []State{ZregAssessing}, To: ProvReviewing, Roles: []string{"zone_regulator"}, Review: true, Binds: true, Article: "NJ24-15"},
		// Each provider but the last.
		{Name: "agree", From: []State{ProvReviewing}, To: ProvReviewing, Roles: []string{"provider"}, Review: true, Article: "NJ24-15"},
		{Name: "approve", From: []State{ProvReviewing}, To: Approved, Roles: []string{"provider"}, Review: true, Consumes: true, Article: "NJ24-15"},
		{Name: "return", From: []State{ZregAssessing}, To: Returned, Roles: []string{"zone_regulator"}, Review: true, Article: "NJ24-15"},
		{Name: "return", From: []State{ProvReviewing}, To: Returned, Roles: []string{"provider"}, Review: true, Article: "NJ24-15"},
		{Name: "reject", From: []State{ZregAssessing}, To: Rejected, Roles: []string{"zone_regulator"}, Review: true, Article: "SY20-20"},
		{Name: "reject", From: []State{ProvReviewing}, To: Rejected, Roles: []string{"provider"}, Review: true, Article: "SY20-20"},
		{Name: "dispute", From: []State{ZregAssessing, ProvReviewing, Rejected}, To: Disputed,
			Roles: []string{"operator", "zone_regulator", "provider"}, Article: "SY20-21"},
		{Name: "uphold", From: []State{Disputed}, To: Rejected, Roles: []string{"city_authority"}, Article: "SY20-21"},
		{Name: "resume", From: []State{Disputed}, To: ZregAssessing, Roles: []string{"city_authority"}, Anew: true, Article: "SY20-21"},
		{Name: "share", From: []State{Approved}, To: Shared, Roles: []string{Engine}, Article: "NJ24-15"},
		{Name: "load", From: []State{Shared}, To: Loaded, Roles: []string{Engine}, Article: "NJ24-15"},
		{Name: "revoke", From: []State{Approved, Shared, Loaded}, To: Revoked,
			Roles: []string{"provider", "zone_regulator", "city_authority"}, Article: "NJ24-15"},
		{Name: "lapse", From: []State{ZregAssessing, ProvReviewing, Disputed, Approved, Shared, Loaded}, To: Lapsed,
			Roles: []string{Engine}, Article: "NJ24-12"},
	},
}
