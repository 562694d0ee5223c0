package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"zonebox/query"
)

// An input is what a request says beside its path.
type (
	nothing      struct{}
	body[T any]  struct{ Body T }
	reply[T any] struct{ Body T }
)

// add declares an operation: its path, what it does in both languages, and the method
// of the engine that does it. The route, its row in the OpenAPI document and the
// checks of what it is sent come from the same types. Whoever has not been
// authenticated does not get as far as do.
func add[In, Out any](a huma.API, method, uri, does string, do func(call, *In) (Out, error)) {
	declare(a, describe(method, uri, does), do)
}

func declare[In, Out any](a huma.API, op huma.Operation, do func(call, *In) (Out, error)) {
	huma.Register(a, op, func(ctx context.Context, in *In) (*reply[Out], error) {
		c, err := callOf(ctx)
		if err != nil {
			return nil, err
		}
		out, err := do(c, in)
		if err != nil {
			return nil, c.server.problem(c.Context, err)
		}
		return &reply[Out]{out}, nil
	})
}

// describe returns what the OpenAPI document says of an operation.
func describe(method, uri, does string) huma.Operation {
	op := huma.Operation{Method: method, Path: uri, Summary: does, OperationID: strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(uri),
		Tags: []string{strings.Split(uri, "/")[1]}, MaxBodyBytes: maxBody + 1, BodyReadTimeout: -1, // the body is there, and of a size
		// strict reads it once, and stops at what is wrong first: the library's own check
		// notes each fault with its whole path, without an end.
		SkipValidateBody: true}
	if scopes := scopesFor(method + " /v1" + strings.NewReplacer("{", ":", "}", "").Replace(uri)); len(scopes) > 0 {
		op.Security = []map[string][]string{{"signature": {}}, {"key": {}}}
		op.Extensions = map[string]any{"x-zonebox-scopes": scopes}
	}
	for part := range strings.SplitSeq(uri, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
		}
	}
	return op
}

// The shapes that most methods of the engine have. What a path names is its first
// parameter.

func all[Out any](do func(context.Context, query.Subject) (Out, error)) func(call, *nothing) (Out, error) {
	return func(c call, _ *nothing) (Out, error) { return do(c.Request.Context(), c.subject) }
}

func one[Out any](do func(context.Context, query.Subject, string) (Out, error)) func(call, *nothing) (Out, error) {
	return func(c call, _ *nothing) (Out, error) { return do(c.Request.Context(), c.subject, c.named(0)) }
}

func said[In, Out any](do func(context.Context, query.Subject, In) (Out, error)) func(call, *body[In]) (Out, error) {
	return func(c call, in *body[In]) (Out, error) { return do(c.Request.Context(), c.subject, in.Body) }
}

func saidOf[In, Out any](do func(context.Context, query.Subject, string, In) (Out, error)) func(call, *body[In]) (Out, error) {
	return func(c call, in *body[In]) (Out, error) {
		return do(c.Request.Context(), c.subject, c.named(0), in.Body)
	}
}

// call is an authenticated request.
type call struct {
	*gin.Context
	server  *server
	subject query.Subject
	body    io.Reader
}

// named returns the i-th name in the path.
func (c call) named(i int) string { return c.Params[i].Value }

type callKey struct{}

// callOf returns the request that was authenticated, and nothing for one that was not.
func callOf(ctx context.Context) (call, error) {
	c, ok := ctx.Value(callKey{}).(call)
	if !ok {
		return call{}, NewProblem(query.AsError(query.Unauthenticated()), "zh")
	}
	return c, nil
}

// strict reads JSON in one way alone, and writes it as it is.
var strict = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		var out bytes.Buffer // whole, or nothing of it is written
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		_, _ = w.Write(out.Bytes()) // to whoever has gone
		return nil
	},
	Unmarshal: func(text []byte, into any) error {
		if query.ReadJSON(text, into) != nil {
			return errNotJSON
		}
		return nil
	},
}

var errNotJSON = errors.New("not the JSON that is expected")

// malformed tells where a request does not fit its description, in the library's
// words and the sender's own.
func malformed(errs []error) error {
	var at []string
	for _, err := range errs[:min(len(errs), 5)] {
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			at = append(at, d.Location+": "+d.Message)
		}
	}
	where := strings.Join(at, "; ")
	return query.BadRequest("请求不符合接口定义("+where+")", "the request is not as the interface describes it ("+where+")")
}

// newAPI returns the routes of r with their description.
func newAPI(r *gin.Engine, g *gin.RouterGroup) huma.API {
	config := huma.DefaultConfig("zonebox 域盒", "v1")
	config.Info.Description = "公共数据授权运营专区的数据沙箱。每个请求都要签名,或在其范围内出示 API 密钥;每个回答都按其可见范围裁剪。\n\n" +
		"The data sandbox of an authorized-operation zone. Every request is signed, or shows an API key whose scopes it is within; every answer is cut to what its sender may see."
	config.Servers = []*huma.Server{{URL: "/v1"}}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.CreateHooks = nil // no links to schemas in answers
	config.Formats = map[string]huma.Format{"application/json": strict, "json": strict}
	config.DefaultFormat = "application/json"
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"signature": {Type: "apiKey", In: "header", Name: headerSignature,
		Description: "Ed25519 over zonebox-request-v2, " + headerGate + " (the gate's public key, which OPTIONS /v1 tells), the method, the path with its query, " + headerUser + ", " + headerTime + ", " + headerNonce + " and " + headerDigest + " (SHA-256 of the body), each on a line of its own"}}
	config.Components.SecuritySchemes["key"] = &huma.SecurityScheme{Type: "http", Scheme: "bearer",
		Description: "An API key that its person issued, for operations of its scopes; by TLS and the socket alone"}
	config.Security = []map[string][]string{{"signature": {}}}
	return humagin.NewWithGroup(r, g, config)
}

// schemaName is a type's name, with its package's before it but for those of the
// engine and of this package.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if dir, own := path.Base(t.PkgPath()), []string{".", "query", "api"}; t.Name() != "" && !slices.Contains(own, dir) {
		name = strings.ToUpper(dir[:1]) + dir[1:] + name
	}
	return name
}

// A failure that the description finds is a Problem like any other. The library has
// one place for that, and it is for the whole program.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return NewProblem(query.AsError(malformed(errs)), "zh")
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		c, err := callOf(ctx.Context())
		if err != nil {
			return err.(*Problem)
		}
		if status >= http.StatusInternalServerError {
			return c.server.problem(c.Context, errPanic)
		}
		return c.server.problem(c.Context, malformed(errs))
	}
}
