package policy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed rego/*.rego rego/*.json
var rules embed.FS

//go:embed pack/*.json
var embeddedPacks embed.FS

const packSchema = "pack.schema.json"

// bundle is one version of the rules: the Rego, its data and the packs.
type bundle struct {
	modules     map[string]string // by path
	inputSchema any
	reasons     catalog
	packs       map[string]Pack
	data        map[string]any // what the rules see as data
	hash        string
}

// loadBundle reads the embedded rules and the packs at the root of packFS, puts
// those of signed in their place or beside them, and checks every pack against its
// schema. Nil means the embedded packs, and no signed bundle.
func loadBundle(packFS fs.FS, signed *Bundle) (*bundle, error) {
	schemaFS, err := fs.Sub(embeddedPacks, "pack")
	if err != nil {
		return nil, err
	}
	if packFS == nil {
		packFS = schemaFS
	}
	files := map[string][]byte{}
	if err := readAll(files, "rego", rules, "rego/*"); err != nil {
		return nil, err
	}
	if err := readAll(files, "pack", schemaFS, packSchema); err != nil {
		return nil, err
	}
	if err := readAll(files, "pack", packFS, "*.json"); err != nil {
		return nil, err
	}

	if signed != nil {
		for id, content := range signed.packs {
			files["pack/"+id+".json"] = content
		}
		for name, text := range signed.expert {
			files[name] = []byte(text)
		}
	}

	b := &bundle{modules: map[string]string{}, packs: map[string]Pack{}, hash: hashFiles(files)}
	for name, content := range files {
		if path.Ext(name) == ".rego" && path.Dir(name) == "rego" {
			b.modules[name] = string(content)
		}
	}
	if b.inputSchema, err = decode(files["rego/input.schema.json"]); err != nil {
		return nil, fmt.Errorf("read input schema: %w", err)
	}
	if err := json.Unmarshal(files["rego/reasons.json"], &b.reasons); err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	reasons, err := decode(files["rego/reasons.json"])
	if err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	packs, err := b.readPacks(files)
	if err != nil {
		return nil, err
	}
	b.data = map[string]any{"packs": packs, "reasons": reasons}
	return b, nil
}

// readPacks checks and decodes the packs and returns them as the rules see
// them, by id.
func (b *bundle) readPacks(files map[string][]byte) (map[string]any, error) {
	doc, err := decode(files["pack/"+packSchema])
	if err != nil {
		return nil, fmt.Errorf("read pack schema: %w", err)
	}
	schema, err := compileSchema(packSchema, doc, "")
	if err != nil {
		return nil, fmt.Errorf("compile pack schema: %w", err)
	}
	packs := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Dir(name) != "pack" || path.Base(name) == packSchema {
			continue
		}
		value, err := decode(files[name])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if err := schema.Validate(value); err != nil {
			return nil, fmt.Errorf("check %s: %w", name, err)
		}
		var p Pack
		dec := json.NewDecoder(bytes.NewReader(files[name]))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&p); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if name != "pack/"+p.ID+".json" {
			return nil, fmt.Errorf("read %s: pack calls itself %q", name, p.ID)
		}
		if err := p.alertsHold(); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		b.packs[p.ID], packs[p.ID] = p, value
	}
	if len(packs) == 0 {
		return nil, fmt.Errorf("no pack")
	}
	return packs, nil
}

// compile checks the rules in OPA's strict mode and against the input schema,
// so a rule that names a fact nobody can supply does not compile.
func (b *bundle) compile() (*ast.Compiler, error) {
	parsed := map[string]*ast.Module{}
	for name, text := range b.modules {
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{ProcessAnnotation: true})
		if err != nil {
			return nil, err
		}
		parsed[name] = m
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, b.inputSchema)
	c := ast.NewCompiler().WithStrict(true).WithSchemas(schemas)
	c.Compile(parsed)
	if c.Failed() {
		return nil, c.Errors
	}
	return c, nil
}

// prepare returns the one query all decisions run. Errors of builtin functions
// are errors of the evaluation here: OPA's default, undefined, would let a rule
// that should deny fall silent.
func (b *bundle) prepare(ctx context.Context) (rego.PreparedEvalQuery, error) {
	c, err := b.compile()
	if err != nil {
		return rego.PreparedEvalQuery{}, err
	}
	return rego.New(
		rego.Query("data.zonebox.decision"),
		rego.Compiler(c),
		rego.Store(inmem.NewFromObjectWithOpts(b.data, inmem.OptReturnASTValuesOnRead(true))),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
}

// readAll adds the files of fsys that match pattern to files, as dir/base.
func readAll(files map[string][]byte, dir string, fsys fs.FS, pattern string) error {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		files[dir+"/"+path.Base(name)] = content
	}
	return nil
}

// hashFiles digests names and contents, each framed by its length so that no
// two sets of files read alike.
func hashFiles(files map[string][]byte) string {
	h := sha256.New()
	frame := func(part []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		frame([]byte(name))
		frame(files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// decode reads exactly one JSON value and keeps numbers as written.
func decode(doc []byte) (any, error) {
	return jsonschema.UnmarshalJSON(bytes.NewReader(doc))
}

// compileSchema compiles the part of a schema document that fragment, a JSON
// pointer, names.
func compileSchema(name string, doc any, fragment string) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	at := "zonebox:///" + name // else the folder it is run in is looked up, which may be closed
	if err := c.AddResource(at, doc); err != nil {
		return nil, err
	}
	return c.Compile(at + "#" + fragment)
}
