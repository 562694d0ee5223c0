package main

import (
	"context"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"zonebox/query"
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

// diagnosis gathers findings.
type diagnosis struct {
	*app
	findings []finding
}

func (d *diagnosis) count(state string) (n int) {
	for _, f := range d.findings {
		if f.State == state {
			n++
		}
	}
	return n
}

// add notes a finding; what to do is said unless it is well.
func (d *diagnosis) add(check, zh, en, state, found, adviceZH, adviceEN string, articles ...string) {
	f := finding{Check: check, title: d.say(zh, en), State: state, Found: found}
	if state != stateOK {
		f.Advice, f.Articles = d.say(adviceZH, adviceEN), articles
	}
	d.findings = append(d.findings, f)
}

// unless returns ok if it is well, and otherwise the state.
func unless(well bool, state string) string {
	if well {
		return stateOK
	}
	return state
}

func (d *diagnosis) yes(b bool) string {
	if b {
		return d.say("有", "yes")
	}
	return d.say("无", "no")
}

// host looks at what this machine isolates workers with. What a worker does not start
// without fails.
func (d *diagnosis) host(h sandbox.Host, s sandbox.Survey) {
	d.add("kernel", "内核", "kernel", stateOK, h.Kernel, "", "")
	landlock := stateOK
	switch {
	case h.Landlock == 0:
		landlock = stateFail
	case h.Landlock < landlockGaps[len(landlockGaps)-1].since:
		landlock = stateWarn
	}
	advice := d.landlockAdvice(h.Landlock)
	d.add("landlock", "Landlock", "Landlock", landlock, "ABI "+strconv.Itoa(h.Landlock), advice, advice, "NJ24-22")
	d.add("seccomp", "seccomp 过滤", "seccomp filter", unless(h.Seccomp, stateFail), d.yes(h.Seccomp), "内核须启用 CONFIG_SECCOMP_FILTER", "the kernel needs CONFIG_SECCOMP_FILTER", "NJ24-22")
	state := strings.TrimSpace(d.yes(h.Namespaces) + " " + strings.Join(s.Forbidding, " "))
	d.add("namespaces", "用户命名空间", "user namespaces", unless(h.Namespaces, stateWarn), state, "放开该设置,工作进程即有独立网络与根目录", "lift it: a worker then has a network and a root of its own", "NJ24-22")
	d.add("mounts", "自有根目录与溢出区", "own root and overflow", unless(h.Mounts, stateWarn), d.yes(h.Mounts), "无则超出内存的查询失败;多因 AppArmor 限制挂载", "without it a query larger than memory fails; often AppArmor forbids mounts")
	d.add("memfd", "memfd 封存", "memfd sealing", unless(h.Memfd, stateFail), d.yes(h.Memfd), "内核须支持 memfd_create", "the kernel needs memfd_create")
	groups := strings.Join(s.Cgroup, " ")
	if groups == "" {
		groups = d.say("无", s.NoCgroup)
	}
	d.add("cgroups", "控制组 v2", "control groups v2", unless(len(s.Cgroup) > 0, stateWarn), groups, "以 systemd 服务运行并设 Delegate=yes,可限各进程总内存", "run as a systemd service with Delegate=yes to bound each worker's memory as a whole")
	swap := d.say("无明文", "none in plain")
	if len(s.PlainSwap) > 0 {
		swap = strings.Join(s.PlainSwap, " ")
	}
	d.add("swap", "交换区", "swap", unless(len(s.PlainSwap) == 0, stateWarn), swap, "密钥与内存中的数据会明文落盘:swapoff 或改为加密交换", "keys and rows in memory may reach a disk: swapoff, or encrypt it", "NJ24-22")
	d.add("core_dumps", "崩溃转储", "core dumps", unless(!strings.HasPrefix(s.CorePattern, "|"), stateWarn), s.CorePattern, "转储交给程序时不受大小限制;网关与工作进程已自行禁止转储", "a dump piped to a program knows no size limit; gate and workers forbid theirs")
	sync := map[string]string{sandbox.ClockSynchronized: d.say("已同步", "synchronized"), sandbox.ClockAlone: d.say("未同步", "not synchronized"), "": d.say("未知", "not known")}[s.Clock]
	d.add("clock", "时钟同步", "clock", unless(s.Clock == sandbox.ClockSynchronized, stateWarn), sync, "启用 chrony 或 systemd-timesyncd:期限与审计时间以本机时钟为准", "run chrony or systemd-timesyncd: terms and the log go by this clock", "JM19-36")
	scope := d.say("无 Yama", "no Yama")
	if s.PtraceScope >= 0 {
		scope = fmt.Sprintf("ptrace_scope=%d", s.PtraceScope)
	}
	d.add("ptrace", "进程跟踪", "tracing", unless(s.PtraceScope > 0, stateWarn), scope, "设 kernel.yama.ptrace_scope=1,同一用户的进程即不可互相跟踪", "set kernel.yama.ptrace_scope=1: a user's processes then cannot trace each other")
	d.add("root", "以 root 运行", "runs as root", unless(!h.Root, stateWarn), map[bool]string{true: d.say("是", "yes"), false: d.say("否", "no")}[h.Root], "建议以普通用户运行网关", "run the gate as an ordinary user", "NJ24-22")
}

// worker looks at the worker that was started to see, beside the one that a running gate
// has, and at how gate and worker are linked.
func (d *diagnosis) worker(w *sandbox.Attestation, failed error, gate *query.Status, self, worker linking) {
	switch {
	case failed != nil:
		d.add("worker", "工作进程", "worker", stateFail, d.say("未能启动:", "did not start: ")+failed.Error(), "以 --worker 指明工作进程程序;隔离不足时先处理以上各项", "name the worker binary with --worker; where isolation lacks, mend the above first", "NJ24-22")
	case w == nil:
		d.add("worker", "工作进程", "worker", stateFail, d.say("无", "none"), "以 --worker 指明工作进程程序", "name the worker binary with --worker", "NJ24-22")
	default:
		lacks := sandbox.Strict &^ w.Layers()
		d.add("worker", "工作进程", "worker", unless(lacks == 0, stateFail), w.Engine+" sha256:"+w.Binary[:16], "隔离层不齐:见下表", "it lacks a layer of isolation: see below", "NJ24-22")
		if binary := workerOf(gate); binary != "" {
			d.add("worker_of_gate", "与网关所用一致", "the gate's own worker", unless(binary == w.Binary, stateFail), "sha256:"+binary[:min(16, len(binary))], "网关运行着另一个工作进程程序:重启网关,或核对程序来源", "the gate runs another worker binary: start it anew, or find out where this one comes from", "NJ24-22")
		}
	}
	if self.known && worker.known {
		d.add("build", "同一编译器", "built alike", unless(self.compiler == worker.compiler, stateWarn), self.compiler+" / "+worker.compiler, "两个程序应出自同一发行包", "both programs should be of one release")
	}
	if self.known {
		static := !self.dynamic && !worker.dynamic
		found := d.say("静态链接,与本机 glibc 无关", "linked statically; the host's glibc does not matter")
		if !static {
			found = d.say("动态链接", "linked dynamically")
		}
		d.add("linking", "链接方式", "linking", unless(static, stateWarn), found, "改用发行包中的程序", "use the programs of a release")
	}
}

// workerOf returns the digest of the program that the gate's workers run, "" if there is
// no gate to tell.
func workerOf(gate *query.Status) string {
	if gate == nil {
		return ""
	}
	shown, _ := gate.Worker.(map[string]any) // as the client decodes it
	binary, _ := shown["binary_sha256"].(string)
	return binary
}

// linking is how a program was built.
type linking struct {
	known    bool
	dynamic  bool // it asks for a loader, and the host's libraries
	compiler string
}

// linked reads how the program at path was built.
func linked(path string) (out linking) {
	f, err := elf.Open(path)
	if err != nil {
		return out
	}
	defer f.Close()
	for _, p := range f.Progs {
		out.dynamic = out.dynamic || p.Type == elf.PT_INTERP
	}
	if info, err := buildinfo.ReadFile(path); err == nil {
		out.known, out.compiler = true, info.GoVersion
	}
	return out
}

// printWorker prints what is in force in the worker that was started to see.
func (a *app) printWorker(w *sandbox.Attestation) {
	if w == nil {
		return
	}
	t := newTable(a.say("试启动的工作进程", "a worker started to see"), a.say("状态", "state"), "")
	a.appendWorker(t, w)
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
