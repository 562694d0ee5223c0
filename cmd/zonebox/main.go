// Command zonebox is the gate of a data zone and the client of its users.
//
// serve, init, demo and audit verify open the domain folder; every other verb
// talks to a running gate over its unix socket or HTTPS and signs with the user's key.
// It links no DuckDB and builds without cgo. Read run first; each verb has a
// file of its own.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"zonebox/api"
	"zonebox/config"
	"zonebox/keys"
	"zonebox/query"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends what the first one does not
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes, listed in every help.
const (
	exitOK       = 0
	exitFailure  = 1
	exitUsage    = 2
	exitDenied   = 3
	exitReview   = 4
	exitLimit    = 5
	exitWithheld = 6
	exitBusy     = 7
	exitPartial  = 9

	exitQuarantined = 8 // a delivery is stored and not in use

	exitTampered = 10 // the audit log is not the one that was witnessed

	exitInterrupted = 130 // as a shell reports SIGINT
)

var exits = map[query.Class]int{
	query.ClassFailure: exitFailure, query.ClassUsage: exitUsage, query.ClassDenied: exitDenied,
	query.ClassInReview: exitReview, query.ClassLimit: exitLimit, query.ClassWithheld: exitWithheld,
	query.ClassBusy: exitBusy,
}

// app is one invocation: its streams and its global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lang           string // "zh" or "en"
	domain         string
	socket         string
	gate           gateAddress
	spoken         string // the language as it is set
	configPath     string
	config         settingsFile
	declared       map[pflag.Value]config.Setting // that flags stand for
	from           map[string]config.Source       // where each came from
	user           string
	keyring        string
	json           bool
	now            func() time.Time // what it signs is of then
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runAt(ctx, time.Now, args, stdin, stdout, stderr)
}

// runAt is run by another clock.
func runAt(ctx context.Context, now func() time.Time, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// The audit log's library logs through klog, on stderr; its errors reach us
	// as errors.
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, lang: language(args), json: slices.Contains(args, "--json"), now: now}
	root := a.root()
	if a.readSettings(root, args) {
		root = a.root()
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	return a.report(err)
}

// language is read before cobra parses, since help texts depend on it.
func language(args []string) string {
	return tongue(cmp.Or(argument("lang", args), os.Getenv("ZONEBOX_LANG")))
}

func tongue(lang string) string {
	if strings.HasPrefix(lang, "en") {
		return "en"
	}
	return "zh"
}

// say returns the text of the invocation's language.
func (a *app) say(zh, en string) string {
	if a.lang == "en" {
		return en
	}
	return zh
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "zonebox",
		Short:         a.say("域盒:原始数据不出域,数据可用不可见", "zonebox: the answer leaves the domain, the data does not"),
		SilenceUsage:  true,
		SilenceErrors: true,
		Example: `  zonebox demo
  zonebox query --as li.op --scenario visits --purpose MED-STAT \
      "SELECT district, count(*) FROM visits GROUP BY district"`,
	}
	f := root.PersistentFlags()
	a.declare(f, a.settings())
	f.StringVar(&a.configPath, "config", "", a.say("设置文件 (ZONEBOX_CONFIG)", "file of settings (ZONEBOX_CONFIG)"))
	// Known before cobra parses: a mistake may come before the flag.
	f.BoolVar(&a.json, "json", a.json, a.say("错误以 JSON 输出", "print errors as JSON"))
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return a.configure(c) }
	root.SetHelpTemplate(`{{with (or .Long .Short)}}{{.}}

{{end}}{{.UsageString}}
` + a.say(`退出码: 0 成功 · 1 失败 · 2 用法 · 3 被拒绝 · 4 待审 · 5 超限 · 6 不予放行 · 7 繁忙 · 8 隔离 · 9 部分成功 · 10 日志被改 · 130 中断
`, `Exit codes: 0 ok · 1 failure · 2 usage · 3 denied · 4 in review · 5 limit · 6 withheld · 7 busy · 8 quarantined · 9 in part · 10 tampered log · 130 interrupted
`))
	// Else "--help --lang en" takes "en" for the verb.
	root.InitDefaultHelpFlag()
	root.AddCommand(a.initCmd(), a.serveCmd(), a.userCmd(), a.apiKeyCmd(), a.totpCmd(), a.contactCmd(), a.signCmd(), a.applyCmd(), a.getCmd(), a.showCmd(), a.diffCmd(), a.historyCmd(), a.rollbackCmd(), a.pendingCmd(), a.loadCmd(), a.loadsCmd(), a.dropCmd(), a.proposeCmd(), a.manifestCmd(),
		a.reportCmd(),
		a.catalogueCmd(), a.licenseCmd(), a.packCmd(), a.policyCmd(), a.whatIfCmd(),
		a.queryCmd(), a.explainCmd(), a.templateCmd(), a.requestCmd(), a.clocksCmd(), a.reviewCmd(), a.consentCmd(), a.openCmd(), a.inspectCmd(), a.auditCmd(), a.fragmentCmd(), a.maskCmd(), a.qualityCmd(), a.keysCmd(), a.shredCmd(), a.switchCmd(), a.alertCmd(), a.backupCmd(), a.zoneCmd(), a.configCmd(), a.doctorCmd(), a.selfcheckCmd(), a.benchCmd(), a.cityCmd(), a.demoCmd(), a.versionCmd())
	a.speak(root)
	return root
}

// usageError marks a mistake of the command line itself.
type usageError struct{ error }

func defaultKeyring() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "zonebox", "keyring")
}

// userKey loads the key of the user the invocation acts as.
func (a *app) userKey() (*keys.User, error) {
	if a.user == "" {
		return nil, usageError{errors.New(a.say("缺少 --as 用户", "--as USER is missing"))}
	}
	if err := a.userName(a.user); err != nil {
		return nil, err
	}
	return keys.LoadUser(a.keyFile(a.user))
}

// userName refuses a name that is no file name: keys stay in the keyring.
func (a *app) userName(user string) error {
	if user != filepath.Base(user) || user == "." || user == ".." {
		return usageError{fmt.Errorf(a.say("%q 不能作为用户名", "%q cannot be a user name"), user)}
	}
	return nil
}

func (a *app) keyFile(user string) string { return filepath.Join(a.keyring, user+".key") }

// client returns a client of the gate that signs as the invocation's user, or shows a
// certificate.
func (a *app) client() (*api.Client, error) {
	cert, err := a.ownCertificate()
	if err != nil {
		return nil, err
	}
	if cert != nil {
		trust, err := a.gateTrust()
		if err != nil {
			return nil, err
		}
		trust.Certificates = []tls.Certificate{*cert}
		return api.NewRemoteClient(a.gate.url, trust, "", a.user, a.lang, nil, a.now), nil
	}
	key, err := a.userKey()
	if err != nil {
		return nil, err
	}
	if !a.remote() && a.socket == "" && a.domain == "" {
		return nil, usageError{errors.New(a.say("缺少 --domain、--socket 或 --gate", "--domain, --socket or --gate is missing"))}
	}
	gate, err := a.gateSignedFor()
	if err != nil {
		return nil, err
	}
	if !a.remote() {
		return api.NewClient(a.gateSocket(), gate, a.user, a.lang, key.Sign, a.now), nil
	}
	trust, err := a.gateTrust()
	if err != nil {
		return nil, err
	}
	return api.NewRemoteClient(a.gate.url, trust, gate, a.user, a.lang, key.Sign, a.now), nil
}

func socketOf(domain string) string { return filepath.Clean(domain) + ".sock" }
