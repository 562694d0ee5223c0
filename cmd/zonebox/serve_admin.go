package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"zonebox/api"
	"zonebox/config"
	"zonebox/feed"
	"zonebox/query"
)

// adminConnections is how many the gate keeps open to those who run its host; the next
// ones wait.
const adminConnections = 16

// operating is what those who run a gate's host are told, and how the gate stops.
type operating struct {
	admin, traces, level string
	drain                time.Duration
}

func (o *operating) settings() []config.Setting {
	return []config.Setting{
		{Name: "admin", Value: config.NewText(&o.admin), ZH: "在本机 :端口 提供 /livez、/readyz 与 /metrics,无需签名", EN: "serve /livez, /readyz and /metrics on :PORT of this host, unsigned"},
		{Name: "traces-to", Value: config.NewText(&o.traces), ZH: "执行踪迹 (OTLP JSON 行) 外送至 file:路径 或 unix:路径;不含语句与取值", EN: "hand traces of runs (OTLP JSON lines) to file:PATH or unix:PATH; no statement and no value is in them"},
		{Name: "log-level", Value: config.NewChoice(&o.level, "debug", "info", "warn", "error"), ZH: "日志级别,debug、info、warn 或 error", EN: "level of the log, debug, info, warn or error"},
		{Name: "drain", Value: config.NewDuration(&o.drain, config.Words{"none": 0}), ZH: "收到终止信号后,在执行的语句与交付可用以完成的时间;none 为立即终止", EN: "how long what runs has to end once the gate is told to stop; none kills at once"},
	}
}

// check puts the address in full, refuses what is no setting, and says the rest in cfg.
func (o *operating) check(a *app, cfg *query.Config) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return usageError{err}
	}
	cfg.Log = slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: level}))
	if o.traces != "" {
		var err error
		if cfg.TracesTo, err = feed.Parse(o.traces); err != nil || cfg.TracesTo.Syslog() {
			return usageError{errors.New(a.say("--traces-to 须为 file:路径 或 unix:路径,路径为绝对路径", "--traces-to must be file:PATH or unix:PATH, with an absolute path"))}
		}
	}
	if o.admin == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(o.admin)
	if err == nil && host == "" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usageError{errors.New(a.say("--admin 须为 :端口 或本机环回地址", "--admin must be :PORT or a loopback address"))}
	}
	o.admin = net.JoinHostPort(host, port)
	return nil
}

// announce has g tell at an address of this host how it is, and says where.
func (o *operating) announce(a *app, g *gate) error {
	if o.admin == "" {
		return nil
	}
	at, err := net.Listen("tcp", o.admin)
	if err != nil {
		return fmt.Errorf("zonebox: listen: %w", err)
	}
	g.adminAt = at.Addr().String()
	g.admin = &http.Server{Handler: api.Admin(g.engine), ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: g.server.ErrorLog}
	g.served.Go(func() error { return g.admin.Serve(netutil.LimitListener(at, adminConnections)) })
	fmt.Fprintf(a.stderr, a.say("状态与指标: http://%s/readyz 与 /metrics\n", "state and figures: http://%s/readyz and /metrics\n"), g.adminAt)
	return nil
}

// errUndrained says that work was killed because the gate was to stop.
var errUndrained = errors.New("zonebox: work was under way when the gate had to stop")

// drain has what runs come to its end, for at most wait and until the second signal,
// and reports if something was killed.
func (g *gate) drain(wait time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if g.engine.Drain(ctx) > 0 {
		return query.Stopped(errUndrained)
	}
	return nil
}
