package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"zonebox/sandbox"
)

// tryWorker starts one worker and returns what is in force in it.
func tryWorker(ctx context.Context, path string) (*sandbox.Attestation, error) {
	p, err := sandbox.NewPool(sandbox.Config{Worker: path})
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close() }()
	s, err := p.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	a := s.Attestation()
	return &a, nil
}

// landlockGaps is what an older version of Landlock does not stop by itself; the
// system call filter does.
var landlockGaps = []struct {
	since  int
	zh, en string
}{
	{2, "跨目录移动文件", "moving files between directories"},
	{3, "截断文件", "truncating files"},
	{4, "TCP 连接", "TCP connections"},
	{5, "设备控制", "device control"},
	{6, "抽象套接字与信号", "abstract sockets and signals"},
}

func (a *app) landlockAdvice(abi int) string {
	if abi == 0 {
		return a.say("内核 5.13 起提供;须编入并在 lsm= 参数中启用,否则拒绝启动", "since Linux 5.13; build it in and name it in lsm=, else no worker starts")
	}
	var gaps []string
	for _, g := range landlockGaps {
		if abi < g.since {
			gaps = append(gaps, a.say(g.zh, g.en))
		}
	}
	if len(gaps) == 0 {
		return "✓"
	}
	return a.say("此版本不拦:", "does not stop: ") + strings.Join(gaps, a.say("、", ", ")) + a.say(";这些仅由 seccomp 拦截", "; only seccomp does")
}

// printHost tells what this machine offers and what of its settings to change.
// w is what a worker that was started to see shows, nil if there was none, failed
// why.
func (a *app) printHost(h sandbox.Host, s sandbox.Survey, w *sandbox.Attestation, failed error) {
	t := newTable(a.say("本机", "host"), a.say("状态", "state"), a.say("建议", "advice"))
	row := func(zh, en string, ok bool, state, adviceZH, adviceEN string) {
		advice := "✓"
		if !ok {
			advice = a.say(adviceZH, adviceEN)
		}
		t.AppendRow([]any{a.say(zh, en), printable(state), advice})
	}
	yes := func(b bool) string {
		if b {
			return a.say("有", "yes")
		}
		return a.say("无", "no")
	}
	row("内核", "kernel", true, h.Kernel, "", "")
	t.AppendRow([]any{"Landlock", "ABI " + strconv.Itoa(h.Landlock), a.landlockAdvice(h.Landlock)})
	row("seccomp 过滤", "seccomp filter", h.Seccomp, yes(h.Seccomp), "内核须启用 CONFIG_SECCOMP_FILTER", "the kernel needs CONFIG_SECCOMP_FILTER")
	forbidden := strings.Join(s.Forbidding, " ")
	state := yes(h.Namespaces)
	if forbidden != "" {
		state += " " + forbidden
	}
	row("用户命名空间", "user namespaces", h.Namespaces, state, "放开该设置,工作进程即有独立网络与根目录", "lift it: a worker then has a network and a root of its own")
	row("自有根目录与溢出区", "own root and overflow", h.Mounts, yes(h.Mounts), "无则超出内存的查询失败;多因 AppArmor 限制挂载", "without it a query larger than memory fails; often AppArmor forbids mounts")
	row("memfd 封存", "memfd sealing", h.Memfd, yes(h.Memfd), "内核须支持 memfd_create", "the kernel needs memfd_create")
	state = strings.Join(s.Cgroup, " ")
	if state == "" {
		state = a.say("无", s.NoCgroup)
	}
	row("控制组 v2", "control groups v2", len(s.Cgroup) > 0, state, "以 systemd 服务运行并设 Delegate=yes,可限各进程总内存", "run as a systemd service with Delegate=yes to bound each worker's memory as a whole")
	swap := a.say("无明文", "none in plain")
	if len(s.PlainSwap) > 0 {
		swap = strings.Join(s.PlainSwap, " ")
	}
	row("交换区", "swap", len(s.PlainSwap) == 0, swap, "内存中的数据会明文落盘:swapoff 或改为加密交换", "rows in memory may reach a disk: swapoff, or encrypt it")
	row("崩溃转储", "core dumps", !strings.HasPrefix(s.CorePattern, "|"), s.CorePattern, "转储交给程序时不受大小限制;网关与工作进程已自行禁止转储", "a dump piped to a program knows no size limit; gate and workers forbid theirs")
	scope := a.say("无 Yama", "no Yama")
	if s.PtraceScope >= 0 {
		scope = fmt.Sprintf("ptrace_scope=%d", s.PtraceScope)
	}
	row("进程跟踪", "tracing", s.PtraceScope > 0, scope, "设 kernel.yama.ptrace_scope=1,同一用户的进程即不可互相跟踪", "set kernel.yama.ptrace_scope=1: a user's processes then cannot trace each other")
	row("以 root 运行", "runs as root", !h.Root, map[bool]string{true: a.say("是", "yes"), false: a.say("否", "no")}[h.Root], "建议以普通用户运行网关", "run the gate as an ordinary user")
	t.AppendSeparator()
	started := a.say("试启动的工作进程", "a worker started to see")
	switch {
	case failed != nil:
		t.AppendRow([]any{started, a.say("未能启动", "did not start"), printable(failed.Error())})
	case w == nil:
		t.AppendRow([]any{started, a.say("无", "none"), a.say("以 --worker 指明工作进程程序", "name the worker binary with --worker")})
	default:
		t.AppendRow([]any{started, printable(w.Engine), w.Binary[:16]})
		a.appendWorker(t, w)
	}
	fmt.Fprintln(a.stdout, t.Render())
}

// appendWorker adds to t what is in force in a worker.
func (a *app) appendWorker(t table.Writer, w *sandbox.Attestation) {
	layers := w.Layers()
	for _, l := range []struct {
		layer  sandbox.Layers
		zh, en string
	}{
		{sandbox.LayerNoNewPrivs, "不得提权", "gains no privilege"},
		{sandbox.LayerSeccomp, "系统调用过滤", "system call filter"},
		{sandbox.LayerLandlock, "不得打开文件", "opens no file"},
		{sandbox.LayerLimits, "资源上限", "limits"},
		{sandbox.LayerNondumpable, "不可跟踪转储", "not traced or dumped"},
		{sandbox.LayerNamespaces, "独立网络", "network of its own"},
		{sandbox.LayerRoot, "独立根目录", "root of its own"},
	} {
		state, mark := a.say("有", "yes"), "✓"
		if layers&l.layer == 0 {
			state, mark = a.say("无", "no"), "—"
		}
		t.AppendRow([]any{"  " + a.say(l.zh, l.en), state, mark})
	}
	t.AppendRow([]any{"  " + a.say("溢出区", "overflow"), fmt.Sprintf("%d MiB", w.Spill>>20), ""})
	t.AppendRow([]any{"  " + a.say("控制组上限", "control group limits"), printable(strings.Join(w.Cgroup, " ")), ""})
	t.AppendRow([]any{"  " + a.say("用户号", "user id"), w.UID, ""})
}
