package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The bill of materials, as far as we fill it in: CycloneDX 1.6.
type (
	bill struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string      `json:"type"`
		Ref        string      `json:"bom-ref"`
		Name       string      `json:"name"`
		Version    string      `json:"version,omitempty"`
		Hashes     []hash      `json:"hashes,omitempty"`
		PURL       string      `json:"purl,omitempty"`
		Elsewhere  []reference `json:"externalReferences,omitempty"`
		Components []component `json:"components,omitempty"`
		Properties []property  `json:"properties,omitempty"`
	}
	hash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	reference struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

// bill returns the bill of materials: the programs by their digests, each part by
// where it is from, with its notices in this archive, and which program has which.
func (r release) bill(parts []part, files []file) ([]byte, error) {
	commit, err := r.git("rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	whole := "zonebox@" + r.version
	b := bill{Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{r.at.Format("2006-01-02T15:04:05Z"), component{Type: "application", Ref: whole, Name: "zonebox", Version: r.version,
			Properties: []property{{"commit", strings.TrimSpace(commit)}}}}}
	top := dependency{Ref: whole}
	for _, program := range programs {
		i := slices.IndexFunc(files, func(f file) bool { return f.name == "bin/"+program })
		if i < 0 {
			return nil, fmt.Errorf("dist: there is no %s", program)
		}
		ref := "bin/" + program
		b.Components = append(b.Components, component{Type: "application", Ref: ref, Name: program, Version: r.version, Hashes: []hash{{"SHA-256", digest(files[i].text)}}})
		has := dependency{Ref: ref}
		for _, p := range parts {
			if slices.Contains(p.programs, program) {
				has.On = append(has.On, p.ref)
			}
		}
		b.Dependencies = append(b.Dependencies, has)
		top.On = append(top.On, ref)
	}
	b.Dependencies = append(b.Dependencies, top)
	for _, p := range parts {
		c := component{Type: "library", Ref: p.ref, Name: p.name, Version: p.version, PURL: p.ref}
		for _, n := range p.notices {
			c.Elsewhere = append(c.Elsewhere, reference{"license", n.name})
		}
		if p.sum != "" {
			c.Properties = []property{{"go.sum", p.sum}}
		}
		for _, piece := range p.bundled {
			c.Components = append(c.Components, component{Type: "library", Ref: p.ref + "#" + piece.name, Name: strings.TrimPrefix(piece.name, "lib"), Hashes: []hash{{"SHA-256", piece.sum}}})
		}
		b.Components = append(b.Components, c)
	}
	text, err := json.MarshalIndent(b, "", " ")
	if err != nil {
		return nil, fmt.Errorf("dist: bill of materials: %w", err)
	}
	return append(text, '\n'), nil
}
