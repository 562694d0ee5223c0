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
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"zonebox/api"
	"zonebox/config"
	"zonebox/feed"
	"zonebox/query"
	"zonebox/sandbox"
)

// serving is what serve is told.
type serving struct {
	secrets         secrets
	web             listening
	ops             operating
	signin          signingIn
	worker, sources string
	alerts          string
	cfg             query.Config // its figures and folders
}

// newServing returns what holds unless something else is said.
func newServing() *serving {
	return &serving{cfg: query.Config{Memory: 2 << 30, Wall: time.Minute}, ops: operating{level: "info", drain: time.Minute}}
}

// auto is what follows from the host, none is nothing.
var (
	auto       = config.Words{"auto": 0}
	autoOrNone = config.Words{"auto": 0, "none": -1}
)

// settings are all that serve can be told: each row is a flag, a key of the gate's file
// and a variable.
func (s *serving) settings() []config.Setting {
	l := &s.cfg.Limits
	return slices.Concat(s.secrets.settings(), []config.Setting{
		workerSetting(&s.worker),
		{Name: "sources", Value: config.NewPath(&s.sources), ZH: "可供装载的数据库来源 (YAML,权限 0600)", EN: "databases that loads may come from (YAML, mode 0600)"},
		{Name: "worker-memory", Value: config.NewSize(&s.cfg.Memory, nil), ZH: "每个工作进程的内存上限", EN: "memory allowance of a worker"},
		{Name: "worker-spill", Value: config.NewSize(&s.cfg.Spill, autoOrNone), ZH: "每个工作进程的溢出内存,auto 为 1GiB,none 为无", EN: "memory a worker may overflow into; auto is 1GiB"},
		{Name: "attached-memory", Value: config.NewSize(&s.cfg.Attached, autoOrNone), ZH: "一条语句所读数据可占的内存,其余分段流入;auto 为内存的四分之一,none 为全部流入", EN: "memory for what a statement reads, the rest streams by segments; auto is a quarter of the memory"},
		{Name: "cache-memory", Value: config.NewSize(&s.cfg.Cache, autoOrNone), ZH: "网关保留的列数据,auto 为内存的八分之一且不超过 4GiB,none 为不保留", EN: "columns the gate keeps; auto is an eighth of the memory and at most 4GiB"},
		{Name: "worker-time", Value: config.NewDuration(&s.cfg.Wall, nil), ZH: "每条语句的时限", EN: "time limit of a statement"},
		{Name: "backup-root", Value: config.NewPaths(&s.cfg.BackupRoots), ZH: "可写入备份的目录,可重复;权限须为 0700,与域目录、密钥目录分开", EN: "folder that backups may be written to, repeatable; mode 0700, apart from the domain and key folders"},
		{Name: "alerts-to", Value: config.NewText(&s.alerts), ZH: "告警外送至 file:路径、unix:路径、syslog:unix:路径 或 syslog:主机:端口", EN: "hand alerts to file:PATH, unix:PATH, syslog:unix:PATH or syslog:HOST:PORT"},
		{Name: "second-factor", Value: config.NewSwitch(&s.cfg.SecondFactor), ZH: "审批、监管与管理人员的签名请求另须动态口令 (totp)", EN: "signed requests of who approves, supervises or administers need a one-time code too (totp)"},
	}, s.web.settings(), s.signin.settings(), s.ops.settings(), []config.Setting{
		{Name: "max-running", Value: config.NewCount(&l.All, auto), ZH: "同时执行的语句数,auto 为每个处理器两条且不少于四条", EN: "statements at once; auto is two per CPU and at least four"},
		{Name: "max-operator", Value: config.NewCount(&l.Operator, auto), ZH: "每个运营单位同时执行的语句数,auto 为上项的一半", EN: "of them for one operator; auto is half of max-running"},
		{Name: "max-queue", Value: config.NewCount(&l.Queue, auto), ZH: "每个运营单位排队的语句数,auto 为 32;再多则答以繁忙", EN: "more that may wait for one operator; auto is 32, and the next is told BUSY"},
		{Name: "max-zone", Value: config.NewCount(&l.Zone, auto), ZH: "每个专区同时执行的语句数,auto 为 max-running", EN: "statements at once in one zone; auto is max-running"},
		{Name: "zone-memory", Value: config.NewSize(&l.ZoneMemory, config.Words{"none": 0}), ZH: "每个专区各工作进程内存上限之和,none 为不另设限", EN: "memory allowances of one zone's workers together; none sets no further limit"},
		{Name: "max-explains", Value: config.NewCount(&l.Explains, auto), ZH: "每人每分钟可 explain 的语句数,auto 为 60", EN: "statements one person may have explained in a minute; auto is 60"},
		{Name: "max-loads", Value: config.NewCount(&l.Loads, auto), ZH: "同时装载的交付数,auto 为处理器数的一半且不少于两个,内存不足则更少", EN: "deliveries read at once; auto is half of the CPUs and at least two, fewer if memory is short"},
		{Name: "max-load-queue", Value: config.NewCount(&l.LoadQueue, auto), ZH: "每个提供单位等候装载的交付数,auto 为 32;再多则答以繁忙", EN: "more that may wait of one provider; auto is 32, and the next is told BUSY"},
		{Name: "load-stall", Value: config.NewDuration(&l.LoadStall, auto), ZH: "等候发送方或数据库继续发送的时限,auto 为一分钟", EN: "how long a load waits for its sender, or its database, to go on; auto is a minute"},
		{Name: "load-memory", Value: config.NewSize(&l.LoadMemory, auto), ZH: "各装载可同占的内存,auto 为内存的一半", EN: "memory for deliveries together; auto is half of the memory"},
	})
}

// workerSetting is where the program of the workers is.
func workerSetting(at *string) config.Setting {
	return config.Setting{Name: "worker", Value: config.NewPath(at), ZH: "工作进程程序,缺省在本程序旁", EN: "worker binary, beside this one by default"}
}

func (a *app) serveCmd() *cobra.Command {
	s := newServing()
	c := &cobra.Command{
		Use:   "serve",
		Short: a.say("运行网关,独占域目录并监听套接字", "run the gate: it owns the domain folder and listens on its socket"),
		Long: a.say(`运行网关:独占域目录,在套接字上(以及 --listen 之处)接受签名请求,直至被终止。

--alerts-to 把告警(alert.*、逾期、失效的文档)按日志次序交给监管方系统:file: 与 unix: 为
JSON 行,syslog: 为 RFC 5424 消息(RFC 6587 长度前缀)。至少一次:接收方按 id 去重。经套接字时
每批一个连接,接收方读完后关闭连接即为确认。连接不加密,跨主机须走隧道。

终止信号 (SIGTERM、SIGINT) 之后,/readyz 即答 503,新的语句与交付答 STOPPING,在执行的有
--drain 之久可以完成,其后终止;第二个信号立即终止。全部完成则退出码为 0,有被终止的为 1。

`,
			`Runs the gate: it owns the domain folder and takes signed requests on its socket,
and where --listen says, until it is ended.

--alerts-to hands alerts (alert.*, terms overdue, documents lapsed) to the system of
those who supervise, in the order of the log: file: and unix: as JSON lines, syslog:
as RFC 5424 messages behind their length (RFC 6587). At least once: a receiver drops
what it knows by id. On a socket each batch has a connection of its own, and the
receiver's closing it once all is read is its word. Nothing is encrypted: between
hosts use a tunnel.

Told to stop (SIGTERM, SIGINT), it answers 503 at /readyz and STOPPING to new
statements and deliveries; what runs has as long as --drain to end, and is killed
then, or at the second signal. The exit code is 0 if all of it ended, 1 if not.

`) + a.vaultHelp(),
		Example: "  zonebox serve --domain /srv/nanjing --passphrase-file /run/secrets/zonebox",
		RunE: func(c *cobra.Command, _ []string) error {
			if a.domain == "" {
				return usageError{errors.New(a.say("缺少 --domain", "--domain is missing"))}
			}
			cfg := s.cfg
			cfg.Domain, cfg.Keys, cfg.Now = a.domain, s.secrets.folder(a), a.now
			if err := s.ops.check(a, &cfg); err != nil {
				return err
			}
			err := s.secrets.open(a, &cfg, false)
			if err != nil {
				return err
			}
			if cfg.Worker, err = workerPath(s.worker); err != nil {
				return err
			}
			if s.sources != "" {
				if cfg.Sources, err = query.ReadSources(s.sources); err != nil {
					return err
				}
			}
			if s.alerts != "" {
				if cfg.AlertsTo, err = feed.Parse(s.alerts); err != nil {
					return usageError{errors.New(a.say("--alerts-to 须为 file:路径、unix:路径、syslog:unix:路径 或 syslog:主机:端口,路径为绝对路径",
						"--alerts-to must be file:PATH, unix:PATH, syslog:unix:PATH or syslog:HOST:PORT, with absolute paths"))}
				}
			}
			if err := s.web.check(a); err != nil {
				return err
			}
			if s.web.clients != "" {
				if cfg.ClientCA, err = a.issuers("client-ca", s.web.clients); err != nil {
					return err
				}
			}
			if cfg.SignIn, err = s.signin.provider(a, s.web); err != nil {
				return err
			}
			g, err := startGate(c.Context(), a.gateSocket(), s.web, cfg)
			clear(cfg.Passphrase)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("网关已就绪: %s\n", "the gate is ready: %s\n"), a.gateSocket())
			if g.web != "" {
				fmt.Fprintf(a.stderr, a.say("并监听 https://%s\n", "and listens on https://%s\n"), g.web)
			}
			if err := s.ops.announce(a, g); err != nil {
				return errors.Join(err, g.stop())
			}
			g.checkDaily(c.Context()) // until the end
			return errors.Join(g.drain(s.ops.drain), g.stop())
		},
	}
	a.declare(c.Flags(), s.settings())
	return c
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

	admin   *http.Server // nil without
	adminAt string
	clock   sync.WaitGroup // what keeps the time and hands alerts over
	idle    context.CancelFunc
}

// startGate opens the domain and serves it on socket, and on web, until stop.
func startGate(ctx context.Context, socket string, web listening, cfg query.Config) (*gate, error) {
	sandbox.Probe() // which a hardened process could not
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
	engine.AskAgain(ctx) // what is handed in or called off meanwhile is served
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
	if g.admin != nil {
		err = errors.Join(err, g.admin.Close())
	}
	if serve := g.served.Wait(); !errors.Is(serve, http.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return errors.Join(err, g.engine.Close())
}
