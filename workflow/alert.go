package workflow

// States of an alert.
const (
	Raised     State = "RAISED"
	Restricted State = "RESTRICTED"
	Confirmed  State = "CONFIRMED"
	Lifted     State = "LIFTED"
)

// Alert is the way of one alert from its rule to the person who closes it (NJ24-21).
// What it restricted by itself stays until a person confirms it, by a signed measure
// that takes its place, or lifts it; only then is the alert closed (NJ24-23). Time
// decides nothing. Security reads, and decides on the restriction alone (NJ24-06).
//
// That who confirms or lifts is who may set or lift the measure is the registry's to
// see to: the moves are made with the document.
var Alert = Machine{
	Name:     "alert",
	Initial:  Raised,
	States:   []State{Raised, Restricted, Confirmed, Lifted, Closed},
	Starters: []string{Engine},
	Moves: []Move{
		{Name: "restrict", From: []State{Raised}, To: Restricted, Roles: []string{Engine}, Article: "NJ24-23"},
		{Name: "confirm", From: []State{Restricted}, To: Confirmed, Roles: []string{"zone_regulator", "city_authority", "data_centre", "security"}, Article: "NJ24-23"},
		{Name: "lift", From: []State{Restricted, Confirmed}, To: Lifted, Roles: []string{"zone_regulator", "city_authority", "data_centre", "security"}, Article: "NJ24-23"},
		{Name: "close", From: []State{Raised, Confirmed, Lifted}, To: Closed, Roles: []string{"zone_regulator", "city_authority", "data_centre"}, Article: "NJ24-21"},
	},
}
