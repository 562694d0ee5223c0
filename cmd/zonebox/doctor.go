package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"zonebox/query"
	"zonebox/sandbox"
)

func (a *app) doctorCmd() *cobra.Command {
	var output, worker string
	var stats bool
	c := &cobra.Command{
		Use:     "doctor",
		Short:   a.say("检查本机的隔离能力;给出 --as 时一并检查网关", "check what isolation this host offers and, with --as, the gate"),
		Example: "  zonebox doctor\n  zonebox doctor --as wu.dc --domain /srv/nanjing\n  zonebox doctor --stats --as wu.dc",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			report := struct {
				Host     sandbox.Host         `json:"host"`
				Settings sandbox.Survey       `json:"settings"`
				Tried    *sandbox.Attestation `json:"tried,omitempty"` // what a worker started now shows
				Gate     *query.Status        `json:"gate,omitempty"`
			}{Host: sandbox.Probe(), Settings: sandbox.Look()}
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
			var failed error
			if path, err := workerPath(worker); err == nil && !stats {
				report.Tried, failed = tryWorker(c.Context(), path)
			}
			switch {
			case stats && output == "json":
				return a.printJSON(report.Gate.Figures)
			case stats:
				a.printFigures(report.Gate.Figures)
				return nil
			case output == "json":
				return a.printJSON(report)
			}
			a.printHost(report.Host, report.Settings, report.Tried, failed)
			if report.Gate != nil {
				a.printGate(report.Gate)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&stats, "stats", false, a.say("网关的缓存与进程计数", "figures of the gate's cache and workers"))
	c.Flags().StringVar(&worker, "worker", env("ZONEBOX_WORKER", ""), a.say("工作进程程序,缺省在本程序旁", "worker binary, beside this one by default"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
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
