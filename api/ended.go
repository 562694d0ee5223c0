package api

import (
	"errors"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"

	"zonebox/query"
)

// problemKey holds the problem of a request until its line is logged.
const problemKey = "zonebox.problem"

// ended logs one line of each request, when it has ended: by its route, never by its
// path, and with the cause of what failed. Of requests that were not authenticated,
// of which anybody can send as many as they like, problem tells.
func (s *server) ended(c *gin.Context) {
	began := time.Now()
	c.Next()
	line := []slog.Attr{slog.String("method", c.Request.Method), slog.String("route", c.FullPath()), slog.Int("status", c.Writer.Status()), slog.Duration("elapsed", time.Since(began))}
	level, run := slog.LevelInfo, c.Writer.Header().Get(headerRun)
	if v, failed := c.Get(problemKey); failed {
		e := v.(*query.Error)
		if e.Code == "AUTH_FAILED" {
			return
		}
		line, run = append(line, slog.String("code", e.Code)), e.Run
		if cause := errors.Unwrap(e); cause != nil {
			level, line = slog.LevelWarn, append(line, slog.Any("cause", cause))
		}
	}
	if run != "" {
		line = append(line, slog.String("query_id", run))
	}
	s.log.LogAttrs(c, level, "request", line...)
}
