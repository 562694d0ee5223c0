package registry

import "slices"

// appliers lists who may submit which kind of document. What a role may do to
// one document in particular stands with the rules of its kind.
var appliers = map[string][]string{
	KindOrganization: {RoleCityAuthority},
	KindPerson:       {RoleCityAuthority},
	KindZone:         {RoleCityAuthority, RoleDataCentre, RoleZoneRegulator},
	KindDataset:      {RoleProvider, RoleCityAuthority},
	KindCall:         {RoleCityAuthority, RoleZoneRegulator},
	KindLicense:      {RoleCityAuthority, RoleZoneRegulator, RoleOperator},
	KindSupply:       {RoleCityAuthority, RoleZoneRegulator, RoleProvider},
	KindScenario:     {RoleCityAuthority, RoleZoneRegulator, RoleOperator},
	KindGrant:        {RoleCityAuthority, RoleZoneRegulator, RoleProvider, RoleOperator},
	KindTemplate:     {RoleCityAuthority, RoleZoneRegulator, RoleOperator},
	KindPartner:      {RoleCityAuthority, RoleZoneRegulator, RoleOperator},
	KindRequest:      {RoleOperator},
	KindNegativeList: {RoleCityAuthority},
	KindQualityRules: {RoleProvider},
	KindRetention:    {RoleCityAuthority, RoleDataCentre, RoleSecurity, RoleZoneRegulator},
	KindRestriction:  {RoleCityAuthority, RoleZoneRegulator, RoleProvider, RoleDataCentre, RoleSecurity},
	KindException:    {RoleCityAuthority, RoleZoneRegulator, RoleProvider},
	KindSourceRuling: {RoleCityAuthority},
}

// The kinds of organizations.
const (
	orgOperator          = "operator"
	orgIndustryAuthority = "industry_authority"
	orgCityAuthority     = "city_authority"
	orgProvider          = "provider"
	orgDataCentre        = "data_centre"
	orgThirdParty        = "third_party"
	orgSecurity          = "security"
)

// roleHomes lists the kinds of organizations whose people may hold a role
// (NJ24-04, NJ24-06). An industry authority is a provider as well: its
// departments hold data of their own, though never for its own zone's grants.
var roleHomes = map[string][]string{
	RoleOperator:      {orgOperator},
	RoleZoneRegulator: {orgIndustryAuthority, orgCityAuthority},
	RoleCityAuthority: {orgCityAuthority},
	RoleProvider:      {orgProvider, orgIndustryAuthority},
	RoleDataCentre:    {orgDataCentre},
	RoleAuditor:       {orgThirdParty},
	RoleSecurity:      {orgSecurity},
}

// compatible lists the only roles that one person may hold together: the city
// authority is the regulator of the comprehensive zone (NJ24-06).
var compatible = [][2]string{{RoleZoneRegulator, RoleCityAuthority}}

// exclude reports whether no person may hold both roles.
func exclude(a, b string) bool {
	return a != b && !slices.Contains(compatible, [2]string{a, b}) && !slices.Contains(compatible, [2]string{b, a})
}

// Excluded reports whether among roles are two that no person may hold together.
func Excluded(roles []string) bool {
	for i, a := range roles {
		if slices.ContainsFunc(roles[:i], func(b string) bool { return exclude(a, b) }) {
			return true
		}
	}
	return false
}

// party is somebody whose signature a document needs: a role, in one
// organization or, if org is empty, in whichever the role has its home.
type party struct{ role, org string }

func (p party) admits(person Person) bool {
	return slices.Contains(person.Roles, p.role) && (p.org == "" || p.org == person.Organization)
}

// regulatorOf returns who speaks for a zone as its regulator. Of a comprehensive zone
// that is the city authority (NJ24-06).
func regulatorOf(z Zone) party {
	if z.Kind == zoneIndustry {
		return party{RoleZoneRegulator, z.Regulator}
	}
	return party{RoleCityAuthority, z.Regulator}
}

// licenseParties returns who signs an agreement: the city authority and the
// operator, and in an industry zone its authority too (NJ24-10).
func licenseParties(l License, z Zone) []party {
	parties := statusParties(z)
	return append(parties, party{RoleOperator, l.Operator})
}

// statusParties returns who suspends, terminates or takes up an agreement
// again: the city authority, in an industry zone together with its regulator
// (NJ24-12).
func statusParties(z Zone) []party {
	if z.Kind == zoneIndustry {
		return []party{{RoleZoneRegulator, z.Regulator}, {RoleCityAuthority, ""}}
	}
	return []party{{RoleCityAuthority, ""}}
}
