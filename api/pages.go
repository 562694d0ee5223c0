package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"zonebox/query"
)

// window is the part of a list that is asked for; with neither it is all of it.
type window struct {
	From  int `query:"from" minimum:"0" maximum:"1000000000" doc:"how many to leave out, from the first"`
	Limit int `query:"limit" minimum:"0" maximum:"1000" doc:"how many at most; all that is left when 0"`
}

// slice is a part of a list. Of one that changes meanwhile the next part may hold what was
// in this one, or leave something out.
type slice[T any] struct {
	Total string `header:"X-Total-Count" doc:"how many there are in all, of what the caller may see"`
	Link  string `header:"Link" doc:"where the next part is (RFC 8288), if there is one"`
	Body  []T
}

// pages declares a list that may be read in parts.
func pages[T any](a huma.API, uri, does string, list func(context.Context, query.Subject) ([]T, error)) {
	pagesOf(a, uri, does, func(c call) ([]T, error) { return list(c.Request.Context(), c.subject) })
}

// pagesOf is pages of a list that more than its reader tells apart.
func pagesOf[T any](a huma.API, uri, does string, list func(call) ([]T, error)) {
	huma.Register(a, describe(http.MethodGet, uri, does), func(ctx context.Context, in *window) (*slice[T], error) {
		c, err := callOf(ctx)
		if err != nil {
			return nil, err
		}
		all, err := list(c)
		if err != nil {
			return nil, c.server.problem(c.Context, err)
		}
		out := &slice[T]{Total: strconv.Itoa(len(all)), Body: all[min(in.From, len(all)):]}
		if in.Limit > 0 && len(out.Body) > in.Limit {
			out.Body = out.Body[:in.Limit]
			out.Link = fmt.Sprintf(`<%s?from=%d&limit=%d>; rel="next"`, c.Request.URL.EscapedPath(), in.From+in.Limit, in.Limit)
		}
		return out, nil
	})
}
