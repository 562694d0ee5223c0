package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"zonebox/query"
	"zonebox/sandbox"
)

func (a *app) doctorCmd() *cobra.Command {
	var output string
	var stats bool
	c := &cobra.Command{
		Use:     "doctor",
		Short:   a.say("检查本机的隔离能力;给出 --as 时一并检查网关", "check what isolation this host offers and, with --as, the gate"),
		Example: "  zonebox doctor\n  zonebox doctor --as wu.dc --domain /srv/nanjing\n  zonebox doctor --stats --as wu.dc",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			report := struct {
				Host sandbox.Host  `json:"host"`
				Gate *query.Status `json:"gate,omitempty"`
			}{Host: sandbox.Probe()}
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
			case output == "json":
				return a.printJSON(report)
			}
			a.printHost(report.Host)
			if report.Gate != nil {
				a.printGate(report.Gate)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&stats, "stats", false, a.say("网关的缓存与进程计数", "figures of the gate's cache and workers"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printHost(h sandbox.Host) {
	t := newTable(a.say("本机", "host"), a.say("状态", "state"), a.say("建议", "advice"))
	row := func(zh, en string, ok bool, state, adviceZH, adviceEN string) {
		advice := "✓"
		if !ok {
			advice = a.say(adviceZH, adviceEN)
		}
		t.AppendRow([]any{a.say(zh, en), state, advice})
	}
	row("内核", "kernel", true, h.Kernel, "", "")
	row("Landlock", "Landlock", h.Landlock > 0, fmt.Sprintf("ABI %d", h.Landlock), "启用 Linux 5.13 以上内核的 Landlock", "enable Landlock, Linux 5.13 or later")
	row("seccomp 过滤", "seccomp filter", h.Seccomp, fmt.Sprint(h.Seccomp), "内核须启用 CONFIG_SECCOMP_FILTER", "the kernel needs CONFIG_SECCOMP_FILTER")
	row("命名空间", "namespaces", h.Namespaces, fmt.Sprint(h.Namespaces), "允许非特权用户命名空间可多一层网络隔离", "allow unprivileged user namespaces for one more layer")
	row("memfd 封存", "memfd sealing", h.Memfd, fmt.Sprint(h.Memfd), "内核须支持 memfd_create", "the kernel needs memfd_create")
	row("以 root 运行", "runs as root", !h.Root, fmt.Sprint(h.Root), "建议以普通用户运行网关", "run the gate as an ordinary user")
	fmt.Fprintln(a.stdout, t.Render())
}

func (a *app) printGate(s *query.Status) {
	t := newTable(a.say("网关", "gate"), s.Domain)
	t.AppendRow([]any{a.say("登记处版本 / 撤销世代", "registry revision / epoch"), fmt.Sprintf("%d / %d", s.Revision, s.Epoch)})
	t.AppendRow([]any{a.say("审计条目", "audit entries"), s.Audit})
	t.AppendRow([]any{a.say("政策包摘要", "policy bundle"), s.PolicyHash})
	fmt.Fprintln(a.stdout, t.Render())
}
