package workflow

// States of a query's approval.
const (
	Submitted     State = "SUBMITTED"
	Analysed      State = "ANALYSED"
	DecidedAllow  State = "DECIDED_ALLOW"
	DecidedReview State = "DECIDED_REVIEW"
	DecidedDeny   State = "DECIDED_DENY"
	Approved      State = "APPROVED"
	Rechecked     State = "RECHECKED"
	Running       State = "RUNNING"
	Done          State = "DONE"
	Failed        State = "FAILED"
	Killed        State = "KILLED"
	Expired       State = "EXPIRED"
	Voided        State = "VOIDED"
	Repeated      State = "REPEATED"
)

// QueryApproval is the way of one query from its submission to its end. What
// is approved is bound when policy decides; recheck, the one move that
// consumes the approval, must present the same input. What asks for an output that is
// there already, or for what waits for its approval, runs nothing and is repeated.
var QueryApproval = Machine{
	Name:    "query",
	Initial: Submitted,
	States: []State{Submitted, Analysed, DecidedAllow, DecidedReview, DecidedDeny, Approved, Rechecked,
		Running, Done, Failed, Killed, Expired, Voided, Repeated},
	Starters: []string{"operator"},
	Moves: []Move{
		{Name: "analyse", From: []State{Submitted}, To: Analysed, Roles: []string{Engine}, Article: "NJ24-13"},
		{Name: "allow", From: []State{Analysed}, To: DecidedAllow, Roles: []string{Engine}, Binds: true, Article: "NJ24-13"},
		{Name: "review", From: []State{Analysed}, To: DecidedReview, Roles: []string{Engine}, Binds: true, Article: "NJ24-13"},
		// Unparsable or unknown is denied, from either state.
		{Name: "deny", From: []State{Submitted, Analysed}, To: DecidedDeny, Roles: []string{Engine}, Article: "NJ24-13"},
		{Name: "pass", From: []State{DecidedAllow}, To: Approved, Roles: []string{Engine}, Article: "NJ24-13"},
		{Name: "repeat", From: []State{DecidedAllow, DecidedReview}, To: Repeated, Roles: []string{Engine}, Article: "NJ24-16"},
		{Name: "approve", From: []State{DecidedReview}, To: Approved, Roles: []string{"zone_regulator"}, Review: true, Article: "NJ24-06"},
		{Name: "reject", From: []State{DecidedReview}, To: DecidedDeny, Roles: []string{"zone_regulator"}, Review: true, Article: "NJ24-06"},
		{Name: "recheck", From: []State{Approved}, To: Rechecked, Roles: []string{Engine}, Consumes: true, Article: "YC22-25"},
		{Name: "run", From: []State{Rechecked}, To: Running, Roles: []string{Engine}, Article: "NJ24-16"},
		{Name: "finish", From: []State{Running}, To: Done, Roles: []string{Engine}, Article: "NJ24-16"},
		{Name: "fail", From: []State{Rechecked, Running}, To: Failed, Roles: []string{Engine}, Article: "NJ24-16"},
		{Name: "kill", From: []State{Rechecked, Running}, To: Killed, Roles: []string{Engine, "data_centre", "zone_regulator", "city_authority"}, Article: "NJ24-23"},
		{Name: "expire", From: []State{DecidedAllow, DecidedReview, Approved}, To: Expired, Roles: []string{Engine}, Article: "SY20-12"},
		// Suspension voids what is queued; so does a recheck that finds a change.
		{Name: "void", From: []State{Submitted, Analysed, DecidedAllow, DecidedReview, Approved, Rechecked}, To: Voided,
			Roles: []string{Engine, "data_centre", "zone_regulator", "city_authority"}, Article: "NJ24-23"},
	},
}
