package query

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"zonebox/catalogue"
	"zonebox/registry"
)

// CatalogueExport is a list of the catalogue as another platform takes it.
type CatalogueExport struct {
	Media   string `json:"media"`
	Content []byte `json:"content"`
}

// ExportCatalogue writes a list of what s may see of the published catalogue, in a
// format of package catalogue. It holds what entries say, and no data.
func (e *Engine) ExportCatalogue(ctx context.Context, s Subject, list, format string) (*CatalogueExport, error) {
	if !slices.Contains(catalogue.Lists, list) || !slices.Contains(catalogue.Formats, format) ||
		list == catalogue.ListSupplyDemand && format != catalogue.FormatCSV && format != catalogue.FormatJSON {
		return nil, BadRequest("清单须为 "+strings.Join(catalogue.Lists, "、")+";格式须为 "+strings.Join(catalogue.Formats, "、")+"(供需清单仅 csv、json)",
			"the list must be one of "+strings.Join(catalogue.Lists, ", ")+", the format one of "+strings.Join(catalogue.Formats, ", ")+" (of supply-demand csv or json)")
	}
	docs, err := e.Documents(ctx, s, registry.KindDataset, "")
	if err != nil {
		return nil, err
	}
	titles := map[string]string{}
	err = e.each(ctx, registry.KindOrganization, func(d registry.Document) error {
		titles[d.Name] = titleOf(d)
		return nil
	})
	if err != nil {
		return nil, asError(err)
	}
	var entries []catalogue.Entry
	for _, d := range docs {
		entry, err := e.exported(ctx, d.Name, titles)
		if err != nil {
			return nil, asError(err)
		}
		entries = append(entries, entry)
	}
	demands, err := e.demands(ctx, s)
	if err != nil {
		return nil, err
	}
	own, _, err := e.registry.Get(ctx, registry.KindOrganization, s.organization)
	if err != nil {
		return nil, asError(err)
	}
	by := catalogue.Publisher{Name: own.Name, Title: titleOf(own), Issued: e.cfg.Now().Format(time.DateOnly)}
	text, media, err := catalogue.Write(entries, demands, list, format, by)
	if err != nil {
		return nil, asError(err)
	}
	return &CatalogueExport{Media: media, Content: text}, nil
}

func (e *Engine) exported(ctx context.Context, name string, titles map[string]string) (catalogue.Entry, error) {
	doc, meta, err := e.registry.Get(ctx, registry.KindDataset, name)
	if err != nil {
		return catalogue.Entry{}, err
	}
	entry, err := catalogued(doc)
	if err != nil {
		return entry, err
	}
	entry.Version, entry.ProviderTitle = meta.Version, titles[entry.Provider]
	data, err := e.registry.CurrentVersion(ctx, entry.Zone, name)
	if errors.Is(err, registry.ErrNotFound) {
		return entry, nil
	}
	entry.Loaded = data.LoadedAt.Format(time.DateOnly)
	return entry, err
}

// demands returns the filed data requests that s may see.
func (e *Engine) demands(ctx context.Context, s Subject) ([]catalogue.Demand, error) {
	docs, err := e.Documents(ctx, s, registry.KindRequest, "")
	if err != nil {
		return nil, err
	}
	var out []catalogue.Demand
	for _, d := range docs {
		doc, _, err := e.registry.Get(ctx, registry.KindRequest, d.Name)
		if err != nil {
			return nil, asError(err)
		}
		r, err := registry.SpecOf[registry.DataRequest](doc)
		if err != nil {
			return nil, asError(err)
		}
		if r.Status != registry.StatusSubmitted {
			continue
		}
		look := lookup{e, nil}
		scenario, err := find[registry.Scenario](ctx, look, registry.KindScenario, r.Scenario)
		if err != nil {
			return nil, asError(err)
		}
		license, err := find[registry.License](ctx, look, registry.KindLicense, scenario.License)
		if err != nil {
			return nil, asError(err)
		}
		for _, asked := range r.Datasets {
			demand := catalogue.Demand{Request: d.Name, Dataset: asked.Dataset, Scenario: scenario.Title, Operator: license.Operator, Status: r.Status, Columns: []string{}}
			for _, c := range asked.Columns {
				demand.Columns = append(demand.Columns, c.Name)
			}
			out = append(out, demand)
		}
	}
	return out, nil
}
