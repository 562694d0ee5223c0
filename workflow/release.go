package workflow

// States of an output's release. A review by one person is REVIEWING; one by
// two is REVIEWING_FIRST and REVIEWING_SECOND. APPROVED is settled by people
// and not released yet: the gate seals and releases in one transaction.
const (
	Held            State = "HELD"
	Checked         State = "CHECKED"
	Reviewing       State = "REVIEWING"
	ReviewingFirst  State = "REVIEWING_FIRST"
	ReviewingSecond State = "REVIEWING_SECOND"
	Released        State = "RELEASED"
	Downloaded      State = "DOWNLOADED"
	Blocked         State = "BLOCKED"
	Coarsened       State = "COARSENED"
	Frozen          State = "FROZEN"
	Recalled        State = "RECALLED"
	Destroyed       State = "DESTROYED"
)

// OutputRelease is the way of one result from the hold to its recipient. The
// check binds the digest of what is held; release must present the same.
//
// The first review is the zone regulator's. The second, where the lineage
// reaches level 3 or more, is the provider's: another person of another
// organization (NJ24-14, NJ24-15). What people froze stays frozen. What
// the gate froze goes nowhere by itself: when its requester asks for it again and
// nothing stands against it, people review it anew.
var OutputRelease = Machine{
	Name:    "release",
	Initial: Held,
	States: []State{Held, Checked, Reviewing, ReviewingFirst, ReviewingSecond, Approved, Released, Downloaded,
		Blocked, Coarsened, Frozen, Recalled, Destroyed},
	Starters: []string{"operator"},
	Moves: []Move{
		{Name: "thaw", From: []State{Frozen}, To: Checked, Roles: []string{Engine}, Binds: true, Anew: true, Article: "NJ24-23"},
		{Name: "check", From: []State{Held}, To: Checked, Roles: []string{Engine}, Binds: true, Article: "NJ24-14"},
		{Name: "review", From: []State{Checked}, To: Reviewing, Roles: []string{Engine}, Article: "NJ24-14"},
		{Name: "review_two", From: []State{Checked}, To: ReviewingFirst, Roles: []string{Engine}, Article: "NJ24-14"},
		{Name: "approve", From: []State{Reviewing}, To: Approved, Roles: []string{"zone_regulator"}, Review: true, Article: "NJ24-06"},
		{Name: "approve", From: []State{ReviewingFirst}, To: ReviewingSecond, Roles: []string{"zone_regulator"}, Review: true, Article: "NJ24-15"},
		{Name: "approve", From: []State{ReviewingSecond}, To: Approved, Roles: []string{"provider"}, Review: true, Article: "NJ24-15"},
		{Name: "reject", From: []State{Reviewing, ReviewingFirst}, To: Blocked, Roles: []string{"zone_regulator"}, Review: true, Article: "NJ24-06"},
		{Name: "reject", From: []State{ReviewingSecond}, To: Blocked, Roles: []string{"provider"}, Review: true, Article: "NJ24-15"},
		// What replaces it waits for all of them anew.
		{Name: "coarsen", From: []State{Reviewing, ReviewingFirst}, To: Coarsened, Roles: []string{"zone_regulator"}, Review: true, Article: "NJ24-06"},
		{Name: "coarsen", From: []State{ReviewingSecond}, To: Coarsened, Roles: []string{"provider"}, Review: true, Article: "NJ24-15"},
		{Name: "release", From: []State{Checked, Approved}, To: Released, Roles: []string{Engine}, Consumes: true, Article: "NJ24-13"},
		{Name: "block", From: []State{Held, Checked, Approved}, To: Blocked, Roles: []string{Engine}, Article: "NJ24-13"},
		{Name: "download", From: []State{Released, Downloaded}, To: Downloaded, Roles: []string{"operator"}, Article: "SY20-23"},
		{Name: "freeze", From: []State{Held, Checked, Reviewing, ReviewingFirst, ReviewingSecond, Approved}, To: Frozen,
			Roles: []string{Engine, "data_centre", "zone_regulator", "city_authority"}, Article: "NJ24-23"},
		{Name: "recall", From: []State{Released, Downloaded}, To: Recalled, Roles: []string{"city_authority", "zone_regulator", "provider"}, Article: "NJ24-23"},
		{Name: "destroy", From: []State{Held, Checked, Reviewing, ReviewingFirst, ReviewingSecond, Approved, Frozen, Blocked, Coarsened}, To: Destroyed,
			Roles: []string{Engine, "data_centre"}, Article: "YC22-40"},
	},
}
