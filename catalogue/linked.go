package catalogue

import "strings"

// object is a JSON object whose keys another standard gives.
type object map[string]any

// accessRights are the terms of the EU authority table that DCAT-AP uses.
var accessRights = map[string]string{
	Unconditional: "http://publications.europa.eu/resource/authority/access-right/PUBLIC",
	Conditional:   "http://publications.europa.eu/resource/authority/access-right/RESTRICTED",
	Prohibited:    "http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC",
}

// frequencies are the terms of the EU authority table, by what people write.
var frequencies = map[string]string{
	"daily": "DAILY", "weekly": "WEEKLY", "monthly": "MONTHLY", "quarterly": "QUARTERLY", "annual": "ANNUAL", "yearly": "ANNUAL", "real-time": "CONT",
}

// dcat writes the entries as one catalogue in the terms of DCAT-AP 3, JSON-LD.
func dcat(entries []Entry, by Publisher) object {
	datasets := []object{}
	for _, e := range entries {
		d := object{
			"@id": "urn:zonebox:" + e.Zone + ":" + e.Name, "@type": "dcat:Dataset",
			"dct:identifier": e.Zone + "/" + e.Name, "dct:title": chinese(e.Title), "dct:description": chinese(e.Title + ":" + strings.Join(e.items(), "、")),
			"dct:publisher":    object{"@type": "foaf:Agent", "foaf:name": chinese(e.provider())},
			"dct:accessRights": object{"@id": accessRights[e.OpenType]},
			"dcat:keyword":     e.items(),
			"dcat:theme":       object{"@type": "skos:Concept", "skos:notation": strings.TrimSpace(e.Category.Kind + " " + e.Category.Code), "skos:prefLabel": chinese(titleOf(e.Category.Kind))},
			"dct:issued":       object{"@type": "xsd:date", "@value": e.Source.Acquired},
			"dcat:version":     e.Version,
		}
		if f, ok := frequencies[e.Source.UpdateFrequency]; ok {
			d["dct:accrualPeriodicity"] = object{"@id": "http://publications.europa.eu/resource/authority/frequency/" + f}
		}
		if e.Loaded != "" {
			d["dct:modified"] = object{"@type": "xsd:date", "@value": e.Loaded}
		}
		if e.OpenType != Unconditional {
			d["dct:rights"] = object{"@type": "dct:RightsStatement", "rdfs:label": chinese(e.OpenReason + ";" + strings.Join(e.LegalBasis, ";"))}
		}
		datasets = append(datasets, d)
	}
	return object{
		"@context": object{
			"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "foaf": "http://xmlns.com/foaf/0.1/",
			"skos": "http://www.w3.org/2004/02/skos/core#", "rdfs": "http://www.w3.org/2000/01/rdf-schema#", "xsd": "http://www.w3.org/2001/XMLSchema#",
		},
		"@id": "urn:zonebox:catalogue:" + by.Name, "@type": "dcat:Catalog",
		"dct:title": chinese("公共数据资源目录"), "dct:description": chinese("公共数据资源目录"),
		"dct:publisher": object{"@type": "foaf:Agent", "foaf:name": chinese(by.Title)},
		"dct:issued":    object{"@type": "xsd:date", "@value": by.Issued},
		"dcat:dataset":  datasets,
	}
}

func chinese(s string) object { return object{"@language": "zh", "@value": s} }
