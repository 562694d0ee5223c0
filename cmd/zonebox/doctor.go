package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/config"
	"zonebox/query"
	"zonebox/sandbox"
)

// doctorError says that doctor found what must be mended. The table has said what.
type doctorError struct{ faults int }

// Error counts them.
func (e *doctorError) Error() string { return fmt.Sprintf("zonebox: doctor: %d faults", e.faults) }

// finding is one thing that doctor looked at.
type finding struct {
	Check    string   `json:"check"`
	State    string   `json:"state"` // ok, warn or fail
	Found    string   `json:"found"`
	Advice   string   `json:"advice,omitempty"`
	Articles []string `json:"articles,omitempty"`

	title string
}

// States of a finding: fail is what a gate does not start with, or what must not be.
const (
	stateOK   = "ok"
	stateWarn = "warn"
	stateFail = "fail"
)

func (a *app) doctorCmd() *cobra.Command {
	var output string
	var stats bool
	told := newServing()
	c := &cobra.Command{
		Use:   "doctor",
		Short: a.say("检查本机、设置、域目录与密钥;给出 --as 时一并检查网关", "check this host, the settings, the domain's folders and keys and, with --as, the gate"),
		Long: a.say(`逐项检查:内核隔离、交换区、崩溃转储、时钟、磁盘、目录权限、密钥、工作进程、资源上限、时区。
不需要网关在运行,也不需要已有的域。有一项不合格 (fail) 时退出码为 1。

`, `Checks one thing after the other: what the kernel isolates with, swap, core dumps, clock,
disks, modes of folders, keys, the worker, limits, time zone. It needs no gate that runs,
and no domain. It exits 1 if one of them fails.

`),
		Example: "  zonebox doctor\n  zonebox doctor --as wu.dc --domain /srv/nanjing\n  zonebox doctor --config /etc/zonebox/zonebox.yaml -o json\n  zonebox doctor --stats --as wu.dc",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			report := struct {
				Checks   []finding            `json:"checks"`
				Host     sandbox.Host         `json:"host"`
				Settings sandbox.Survey       `json:"settings"`
				Tried    *sandbox.Attestation `json:"tried,omitempty"` // what a worker started now shows
				Gate     *query.Status        `json:"gate,omitempty"`
			}{}
			if stats && a.user == "" {
				return usageError{errors.New(a.say("--stats 需要 --as", "--stats needs --as"))}
			}
			if a.user != "" {
				client, err := a.client()
				if err != nil {
					return err
				}
				if report.Gate, err = client.Status(c.Context()); err != nil {
					return err
				}
			}
			switch {
			case stats && output == "json":
				return a.printJSON(report.Gate.Figures)
			case stats:
				a.printFigures(report.Gate.Figures)
				return nil
			}
			report.Host, report.Settings = sandbox.Probe(), sandbox.Look()
			var failed error
			path, err := workerPath(told.worker)
			if err == nil {
				report.Tried, failed = tryWorker(c.Context(), path)
			}
			_, faults := config.Apply(told.settings(), c.Flags().Changed, os.Getenv, a.config.file) // of what serve alone is told
			settings := a.config
			settings.faults = append(settings.faults, faults...)
			d := diagnosis{app: a}
			d.host(report.Host, report.Settings)
			d.worker(report.Tried, failed, report.Gate, linked("/proc/self/exe"), linked(path))
			d.process(lookAtProcess(a.now().Local()))
			d.settings(settings, told)
			d.folders(told.secrets, time.Now()) // the clock by which the host writes files
			report.Checks = d.findings
			if output == "json" {
				err = a.printJSON(report)
			} else {
				a.printDiagnosis(d.findings)
				a.printWorker(report.Tried)
				if report.Gate != nil {
					a.printGate(report.Gate)
				}
			}
			if n := d.count(stateFail); err == nil && n > 0 {
				return &doctorError{n}
			}
			return err
		},
	}
	a.declare(c.Flags(), append(told.secrets.settings(), workerSetting(&told.worker)))
	c.Flags().BoolVar(&stats, "stats", false, a.say("网关的缓存与进程计数", "figures of the gate's cache and workers"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// printDiagnosis prints what was looked at, in the order of the looking.
func (a *app) printDiagnosis(all []finding) {
	t := newTable(a.say("检查项", "check"), a.say("结论", "state"), a.say("所见", "found"), a.say("处理", "what to do"), a.say("依据", "articles"))
	marks := map[string]string{stateOK: a.say("合格", "ok"), stateWarn: a.say("注意", "warn"), stateFail: a.say("不合格", "fail")}
	for _, f := range all {
		t.AppendRow([]any{f.title, marks[f.State], printable(f.Found), f.Advice, strings.Join(f.Articles, " ")})
	}
	fmt.Fprintln(a.stdout, t.Render())
}

func (a *app) printGate(s *query.Status) {
	t := newTable(a.say("网关", "gate"), s.Domain)
	t.AppendRow([]any{a.say("登记处版本 / 撤销世代", "registry revision / epoch"), fmt.Sprintf("%d / %d", s.Revision, s.Epoch)})
	t.AppendRow([]any{a.say("审计条目", "audit entries"), s.Audit})
	t.AppendRow([]any{a.say("政策包摘要", "policy bundle"), s.PolicyHash})
	if s.Alerts != nil {
		t.AppendRow([]any{a.say("告警外送", "alerts"), a.fed(*s.Alerts)})
	}
	fmt.Fprintln(a.stdout, t.Render())
}

// fed says how alerts get to those who supervise.
func (a *app) fed(s query.FeedStatus) string {
	if s.Failing != nil {
		return printable(fmt.Sprintf(a.say("自 %s 起送不到 %s: %s", "since %s not to %s: %s"), s.Failing.Format(time.DateTime), s.To, s.Cause))
	}
	return printable(fmt.Sprintf(a.say("%s,已送 %d 条", "%s, %d handed over"), s.To, s.Delivered))
}
