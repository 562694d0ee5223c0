package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"zonebox/api"
	"zonebox/feed"
	"zonebox/query"
)

func (a *app) serveCmd() *cobra.Command {
	var s secrets
	var worker, sources, alerts string
	var web listening
	var memory, spill, attached, cache int64
	var wall time.Duration
	var limits query.Limits
	var roots []string
	c := &cobra.Command{
		Use:   "serve",
		Short: a.say("运行网关,独占域目录并监听套接字", "run the gate: it owns the domain folder and listens on its socket"),
		Long: a.say(`运行网关:独占域目录,在套接字上(以及 --listen 之处)接受签名请求,直至被终止。

--alerts-to 把告警(alert.*、逾期、失效的文档)按日志次序交给监管方系统:file: 与 unix: 为
JSON 行,syslog: 为 RFC 5424 消息(RFC 6587 长度前缀)。至少一次:接收方按 id 去重。经套接字时
每批一个连接,接收方读完后关闭连接即为确认。连接不加密,跨主机须走隧道。

`,
			`Runs the gate: it owns the domain folder and takes signed requests on its socket,
and where --listen says, until it is ended.

--alerts-to hands alerts (alert.*, terms overdue, documents lapsed) to the system of
those who supervise, in the order of the log: file: and unix: as JSON lines, syslog:
as RFC 5424 messages behind their length (RFC 6587). At least once: a receiver drops
what it knows by id. On a socket each batch has a connection of its own, and the
receiver's closing it once all is read is its word. Nothing is encrypted: between
hosts use a tunnel.

`) + a.vaultHelp(),
		Example: "  zonebox serve --domain /srv/nanjing --passphrase-file /run/secrets/zonebox",
		RunE: func(c *cobra.Command, _ []string) error {
			if a.domain == "" {
				return usageError{errors.New(a.say("缺少 --domain", "--domain is missing"))}
			}
			cfg := query.Config{
				Domain: a.domain, Keys: s.folder(a), Memory: memory << 20, Spill: spill << 20, Attached: attached << 20, Cache: cache << 20,
				Wall: wall, BackupRoots: roots, Log: slog.New(slog.NewJSONHandler(a.stderr, nil)), Now: a.now,
			}
			err := s.open(a, &cfg, false)
			if err != nil {
				return err
			}
			if cfg.Worker, err = workerPath(worker); err != nil {
				return err
			}
			if sources != "" {
				if cfg.Sources, err = query.ReadSources(sources); err != nil {
					return err
				}
			}
			if alerts != "" {
				if cfg.AlertsTo, err = feed.Parse(alerts); err != nil {
					return usageError{errors.New(a.say("--alerts-to 须为 file:路径、unix:路径、syslog:unix:路径 或 syslog:主机:端口,路径为绝对路径",
						"--alerts-to must be file:PATH, unix:PATH, syslog:unix:PATH or syslog:HOST:PORT, with absolute paths"))}
				}
			}
			limits.ZoneMemory <<= 20
			limits.LoadMemory <<= 20
			cfg.Limits = limits
			if err := web.check(a); err != nil {
				return err
			}
			g, err := startGate(c.Context(), a.gateSocket(), web, cfg)
			clear(cfg.Passphrase)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("网关已就绪: %s\n", "the gate is ready: %s\n"), a.gateSocket())
			if g.web != "" {
				fmt.Fprintf(a.stderr, a.say("并监听 https://%s\n", "and listens on https://%s\n"), g.web)
			}
			g.checkDaily(c.Context()) // until the end
			return g.stop()
		},
	}
	s.flags(a, c)
	c.Flags().StringVar(&worker, "worker", env("ZONEBOX_WORKER", ""), a.say("工作进程程序,缺省在本程序旁 (ZONEBOX_WORKER)", "worker binary, beside this one by default (ZONEBOX_WORKER)"))
	c.Flags().StringVar(&sources, "sources", "", a.say("可供装载的数据库来源 (YAML,权限 0600)", "databases that loads may come from (YAML, mode 0600)"))
	c.Flags().Int64Var(&memory, "worker-memory", 2048, a.say("每个工作进程的内存上限 (MiB)", "memory allowance of a worker (MiB)"))
	c.Flags().Int64Var(&spill, "worker-spill", 0, a.say("每个工作进程的溢出内存 (MiB),0 为 1024,-1 为无", "memory a worker may overflow into (MiB); 0 is 1024, -1 none"))
	c.Flags().Int64Var(&attached, "attached-memory", 0, a.say("一条语句所读数据可占的内存 (MiB),其余分段流入;0 为内存的四分之一,-1 为全部流入", "memory for what a statement reads (MiB), the rest streams by segments; 0 is a quarter of the memory, -1 none"))
	c.Flags().Int64Var(&cache, "cache-memory", 0, a.say("网关保留的列数据 (MiB),0 为内存的八分之一且不超过 4096,-1 为不保留", "columns the gate keeps (MiB); 0 is an eighth of the memory and at most 4096, -1 none"))
	c.Flags().DurationVar(&wall, "worker-time", time.Minute, a.say("每条语句的时限", "time limit of a statement"))
	c.Flags().StringArrayVar(&roots, "backup-root", nil, a.say("可写入备份的目录,可重复;权限须为 0700,与域目录、密钥目录分开", "folder that backups may be written to, repeatable; mode 0700, apart from the domain and key folders"))
	c.Flags().StringVar(&alerts, "alerts-to", "", a.say("告警外送至 file:路径、unix:路径、syslog:unix:路径 或 syslog:主机:端口", "hand alerts to file:PATH, unix:PATH, syslog:unix:PATH or syslog:HOST:PORT"))
	web.flags(a, c)
	limitFlags(a, c, &limits)
	return c
}

// limitFlags are the flags of query.Limits, whose defaults follow from the host.
func limitFlags(a *app, c *cobra.Command, l *query.Limits) {
	f := c.Flags()
	f.IntVar(&l.All, "max-running", 0, a.say("同时执行的语句数,0 为每个处理器两条且不少于四条", "statements at once; 0 is two per CPU and at least four"))
	f.IntVar(&l.Operator, "max-operator", 0, a.say("每个运营单位同时执行的语句数,0 为上项的一半", "of them for one operator; 0 is half of max-running"))
	f.IntVar(&l.Queue, "max-queue", 0, a.say("每个运营单位排队的语句数,0 为 32;再多则答以繁忙", "more that may wait for one operator; 0 is 32, and the next is told BUSY"))
	f.IntVar(&l.Zone, "max-zone", 0, a.say("每个专区同时执行的语句数,0 为 max-running", "statements at once in one zone; 0 is max-running"))
	f.Int64Var(&l.ZoneMemory, "zone-memory", 0, a.say("每个专区各工作进程内存上限之和 (MiB),0 为不另设限", "memory allowances of one zone's workers together (MiB); 0 sets no further limit"))
	f.IntVar(&l.Explains, "max-explains", 0, a.say("每人每分钟可 explain 的语句数,0 为 60", "statements one person may have explained in a minute; 0 is 60"))
	f.IntVar(&l.Loads, "max-loads", 0, a.say("同时装载的交付数,0 为处理器数的一半且不少于两个,内存不足则更少", "deliveries read at once; 0 is half of the CPUs and at least two, fewer if memory is short"))
	f.IntVar(&l.LoadQueue, "max-load-queue", 0, a.say("每个提供单位等候装载的交付数,0 为 32;再多则答以繁忙", "more that may wait of one provider; 0 is 32, and the next is told BUSY"))
	f.DurationVar(&l.LoadStall, "load-stall", 0, a.say("等候发送方或数据库继续发送的时限,0 为一分钟", "how long a load waits for its sender, or its database, to go on; 0 is a minute"))
	f.Int64Var(&l.LoadMemory, "load-memory", 0, a.say("各装载可同占的内存 (MiB),0 为内存的一半", "memory for deliveries together (MiB); 0 is half of the memory"))
}

func (a *app) gateSocket() string {
	if a.socket != "" {
		return a.socket
	}
	return socketOf(a.domain)
}

// gate is a running engine behind its socket, and where it was told to on the network.
type gate struct {
	engine *query.Engine
	server *http.Server
	web    string // the address of HTTPS; empty without
	served errgroup.Group
	clock  sync.WaitGroup // what keeps the time and hands alerts over
	idle   context.CancelFunc
}

// startGate opens the domain and serves it on socket, and on web, until stop.
func startGate(ctx context.Context, socket string, web listening, cfg query.Config) (*gate, error) {
	if err := harden(); err != nil {
		return nil, err
	}
	engine, err := query.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// The engine holds the domain's lock, so a socket that is still there was
	// left by a gate that died.
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("zonebox: clear socket: %w", err), engine.Close())
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("zonebox: listen: %w", err), engine.Close())
	}
	// Any local account may connect; every request must be signed.
	if err := os.Chmod(socket, 0o666); err != nil {
		return nil, errors.Join(fmt.Errorf("zonebox: open socket: %w", err), l.Close(), engine.Close())
	}
	g := &gate{engine: engine, server: &http.Server{
		Handler: api.New(engine, cfg.Log), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 256 << 10, // a manifest travels in the address
		ErrorLog:       slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}}
	if web.address != "" {
		if err := web.open(g); err != nil {
			return nil, errors.Join(err, l.Close(), engine.Close())
		}
	}
	g.served.Go(func() error { return g.server.Serve(l) })
	clock, idle := context.WithCancel(context.WithoutCancel(ctx))
	g.idle = idle
	g.clock.Go(func() { g.keepTime(clock, engine.Veiled(cfg.Log)) })
	g.clock.Go(func() { engine.Feed(clock) })
	return g, nil
}

// keepTime has documents come into force at their effective time and ends what is
// over, whether or not anybody asks, until ctx ends.
func (g *gate) keepTime(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := g.engine.TakeEffect(ctx); err != nil {
			log.ErrorContext(ctx, "bring documents into force", "cause", errors.Unwrap(err))
		}
		_ = g.engine.Look(ctx) // which logs what it could not do
		if err := g.engine.TellRefused(ctx); err != nil {
			log.ErrorContext(ctx, "requests not authenticated", "cause", err)
		}
		if err := g.engine.TellWithheld(ctx); err != nil {
			log.ErrorContext(ctx, "texts that were withheld", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// checkDaily has licenses ended whose last day is over, and the data checked that are
// due, now and every hour, until ctx ends. The engine logs what could not be done.
func (g *gate) checkDaily(ctx context.Context) {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		_ = g.engine.ExpireDue(ctx)
		_ = g.engine.CheckDue(ctx)
		select {
		case <-ctx.Done():
			return
		case <-hourly.C:
		}
	}
}

// stop drains for at most ten seconds and closes the domain.
func (g *gate) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	g.idle()
	g.clock.Wait()
	err := g.server.Shutdown(ctx)
	if err != nil { // somebody does not end
		err = errors.Join(err, g.server.Close())
	}
	if serve := g.served.Wait(); !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return errors.Join(err, g.engine.Close())
}
