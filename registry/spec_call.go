package registry

import (
	"fmt"
	"slices"
)

// KindCall is the kind of calls for applications.
const KindCall = "Call"

// Call is the public call under which operators apply to operate a zone: for which
// uses, on which conditions, and when (NJ24-07). The city authority signs it, in an
// industry zone together with the zone's regulator. Withdrawn, nobody applies under it.
type Call struct {
	Title      string   `json:"title"`
	Zone       string   `json:"zone"`
	Scenarios  []string `json:"scenarios"`
	Conditions []string `json:"conditions"`
	Window     Period   `json:"window"`
	Status     string   `json:"status"` // OPEN or WITHDRAWN
}

// Open reports whether a call takes applications on a day.
func (c Call) Open(day string) bool {
	return c.Status == "OPEN" && c.Window.From <= day && day <= c.Window.Until
}

// Dated is something that happened to an organization, with its record: an act of
// dishonesty, a security incident (NJ24-08).
type Dated struct {
	On  string `json:"on"`
	Ref string `json:"ref"`
}

// Since reports whether any of the records is of a day after since.
func Since(records []Dated, since string) bool {
	return slices.ContainsFunc(records, func(d Dated) bool { return d.On > since })
}

// call checks a call: a window, and the signatures of those who open it.
func (c *change) call() {
	now, before := specs[Call](c)
	c.parent, c.zone = now.Zone, now.Zone
	if before != nil {
		c.fixed("/spec/zone", before.Zone, now.Zone)
	}
	if now.Window.From > now.Window.Until {
		c.fault(CodeSchema, "/spec/window", "NJ24-07", say("ends before it begins", "截止早于起始"))
	}
	if zone, ok := ref[Zone](c, KindZone, now.Zone, "/spec/zone"); ok {
		c.needSignatures(CodeSignature, "NJ24-07", statusParties(zone))
	}
}

func callSentence(_ string, c Call, titles Titles) text {
	zone := titles(KindZone, c.Zone)
	if c.Status != "OPEN" {
		return text{fmt.Sprintf("The call %s for the zone %s is withdrawn.", short(c.Title), zone), fmt.Sprintf("%s的公告“%s”已撤回。", zone, short(c.Title))}
	}
	return text{
		fmt.Sprintf("Operators may apply from %s to %s to operate the zone %s for %s, on %d conditions.", c.Window.From, c.Window.Until, zone, listEN(c.Scenarios), len(c.Conditions)),
		fmt.Sprintf("自 %s 至 %s 可申报运营%s,场景限于%s,须符合 %d 项条件。", c.Window.From, c.Window.Until, zone, listZH(c.Scenarios), len(c.Conditions)),
	}
}
