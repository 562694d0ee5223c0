package catalogue

import (
	"strconv"
	"strings"
)

// frictionless writes a data package descriptor: one resource with a table schema
// for each entry that is a table, and no path, since the data stay where they are.
func frictionless(entries []Entry, by Publisher) object {
	resources := []object{}
	for _, e := range entries {
		if e.Format != "TABLE" {
			continue
		}
		fields := []object{}
		for _, c := range e.Columns {
			f := object{"name": c.Name, "title": c.said(), "type": fieldType(c.Type)}
			constraints := object{}
			if !c.Nullable {
				constraints["required"] = true
			}
			if len(c.PublicCodes) > 0 {
				constraints["enum"] = c.PublicCodes
			}
			if len(constraints) > 0 {
				f["constraints"] = constraints
			}
			fields = append(fields, f)
		}
		resources = append(resources, object{"name": e.Name, "title": e.Title, "profile": "tabular-data-resource", "data": []any{},
			"schema": object{"fields": fields}, "sources": []object{{"title": e.provider()}}})
	}
	return object{"name": "catalogue", "title": "公共数据资源目录", "profile": "data-package", "created": by.Issued + "T00:00:00Z", "resources": resources}
}

func fieldType(t string) string {
	switch {
	case t == "int64":
		return "integer"
	case t == "float64", strings.HasPrefix(t, "decimal"):
		return "number"
	case t == "bool":
		return "boolean"
	case t == "timestamp":
		return "datetime"
	}
	return t // string and date
}

// contracts writes a contract of ODCS v3.1.0 for each entry that is a table.
func contracts(entries []Entry) []object {
	out := []object{}
	for _, e := range entries {
		if e.Format != "TABLE" {
			continue
		}
		properties := []object{}
		for _, c := range e.Columns {
			p := object{"name": c.Name, "businessName": c.said(), "physicalType": c.Type, "logicalType": logicalType(c.Type), "required": !c.Nullable,
				"classification": strconv.Itoa(c.Level), "tags": []string{c.Class}}
			if c.Authoritative {
				p["criticalDataElement"] = true
			}
			if c.Element != "" {
				p["customProperties"] = []object{{"property": "dataElement", "value": c.Element}}
			}
			properties = append(properties, p)
		}
		out = append(out, object{
			"apiVersion": "v3.1.0", "kind": "DataContract", "id": e.Zone + "/" + e.Name, "name": e.Title, "version": strconv.FormatInt(e.Version, 10), "status": "active",
			"domain": e.Zone, "dataProduct": e.Name,
			"description":   object{"purpose": e.Title, "usage": e.UseRequirements, "limitations": strings.Join(e.LegalBasis, ";")},
			"schema":        []object{{"name": e.Name, "logicalType": "object", "physicalType": "table", "businessName": e.Title, "properties": properties}},
			"slaProperties": []object{{"property": "frequency", "value": e.Source.UpdateFrequency}},
			"customProperties": []object{
				{"property": "shareType", "value": e.ShareType}, {"property": "openType", "value": e.OpenType},
				{"property": "provider", "value": e.Provider}, {"property": "collector", "value": e.Collector},
			},
		})
	}
	return out
}

func logicalType(t string) string {
	switch {
	case t == "int64":
		return "integer"
	case t == "float64", strings.HasPrefix(t, "decimal"):
		return "number"
	case t == "bool":
		return "boolean"
	}
	return t // string, date and timestamp
}
