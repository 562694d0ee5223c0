package registry

import "slices"

// twoPeople lists the fields by which a new version of a kind may loosen what no
// parties of its own agree to, so that it takes a second person. What only tightens
// stays one step. Licenses, grants, templates, entries and shorter times of the log
// have their parties: licenseParties, consents, template, protection, retention.
var twoPeople = map[string][]string{
	KindNegativeList: {"items"},
}

// secondArticles says which article asks for the second person.
var secondArticles = map[string]string{KindNegativeList: "YC22-18"}

// seconds are the roles of whoever signs beside the first: the city authority, a
// regulator, the security officer.
var seconds = []string{RoleCityAuthority, RoleZoneRegulator, RoleSecurity}

// second refuses a new version that loosens what two people must agree to unless two
// of them signed it.
func (c *change) second() {
	if c.old == nil || c.err != nil || len(twoPeople[c.doc.Kind]) == 0 || c.signedByTwo() {
		return
	}
	changes, err := Diff(c.old.Document, c.doc)
	if err != nil {
		c.err = err
		return
	}
	for _, ch := range changes {
		if ch.Effect == Loosens && slices.ContainsFunc(twoPeople[c.doc.Kind], func(field string) bool { return covers(field, ch.Path) }) {
			c.fault(CodeSignature, "/signatures", secondArticles[c.doc.Kind], say("this loosens: another person of the city authority, a regulator or the security officer signs as well",
				"本次变更属于放宽,须另有一名市数据主管部门、专区监管部门或安全保密部门的人员签名"))
			return
		}
	}
}

// signedByTwo reports whether two people signed in a role that may.
func (c *change) signedByTwo() bool {
	n := 0
	for _, s := range c.signers { // nobody is among them twice
		if slices.ContainsFunc(s.person.Roles, func(role string) bool { return slices.Contains(seconds, role) }) {
			n++
		}
	}
	return n >= 2
}
