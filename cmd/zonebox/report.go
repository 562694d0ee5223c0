package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"zonebox/api"
	"zonebox/query"
	"zonebox/release"
)

// report prints err on stderr, or with --json on stdout, and returns the exit
// code.
func (a *app) report(err error) int {
	var refused refusedError
	if errors.As(err, &refused) {
		if r := refused.x.Reasons[0]; !a.json {
			fmt.Fprintf(a.stderr, "zonebox: error: %s %s\n", r.Code, printableText(a.say(r.ZH, r.EN)))
		}
		return exitDenied
	}
	var held quarantinedError
	if errors.As(err, &held) {
		if !a.json {
			fmt.Fprintf(a.stderr, a.say("zonebox: 已隔离: %s 版本 %s 已存储, 未启用; 原版本继续使用\nzonebox: hint: 由提供单位处置: quality release %[1]s --version %[2]s 或 quality reject\n",
				"zonebox: quarantined: %s version %s is stored and not in use; the one before stays\nzonebox: hint: its provider settles it: quality release %[1]s --version %[2]s, or quality reject\n"), held.dataset, held.version)
		}
		return exitQuarantined
	}
	p, code := a.problem(err)
	if a.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(p); err != nil {
			return exitFailure
		}
		return code
	}
	fmt.Fprintf(a.stderr, "zonebox: error: %s %s\n", p.Code, printableText(p.Detail))
	for i, r := range p.Reasons {
		if i > 0 || r.Code != p.Code {
			fmt.Fprintf(a.stderr, "zonebox:   %s: %s %s\n", a.say("理由", "reason"), r.Code, printableText(r.Detail))
		}
	}
	if len(p.Reasons) > 0 && len(p.Reasons[0].Path) > 0 {
		fmt.Fprintf(a.stderr, "zonebox:   path: %s\n", printable(strings.Join(p.Reasons[0].Path, " ← ")))
	}
	if p.Span != nil {
		fmt.Fprintf(a.stderr, "zonebox:   at: %s %d–%d\n", a.say("字节", "bytes"), p.Span.Start, p.Span.End)
	}
	if len(p.Articles) > 0 {
		fmt.Fprintf(a.stderr, "zonebox:   %s: %s\n", a.say("依据", "articles"), strings.Join(p.Articles, ", "))
	}
	if p.Run != "" {
		fmt.Fprintf(a.stderr, "zonebox:   run: %s\n", p.Run)
	}
	if p.Hint != "" {
		fmt.Fprintf(a.stderr, "zonebox: hint: %s\n", printableText(p.Hint))
	}
	return code
}

// classInterrupted is the class of a command that was interrupted. No answer of
// the gate has it.
const classInterrupted = "interrupted"

// classPartial is the class of a command of which a part succeeded.
const classPartial = "partial"

// classTampered is the class of a log that is not the one that was witnessed.
const classTampered = "tampered"

// problem returns err as the gate would have put it, and its exit code.
func (a *app) problem(err error) (*api.Problem, int) {
	var p *api.Problem
	var q *query.Error
	var u usageError
	var n *net.OpError
	var stopped *stoppedLoads
	var partial *partialError
	var left leftRunning
	var tampered *tamperedError
	var unknown *unknownGate
	var settings *settingsError
	var sick *doctorError
	switch {
	case errors.As(err, &p):
	case errors.As(err, &q):
		p = api.NewProblem(q, a.lang)
	case errors.As(err, &u), strings.HasPrefix(err.Error(), "unknown command"), strings.HasPrefix(err.Error(), "required flag"):
		p = &api.Problem{Code: "USAGE", Class: string(query.ClassUsage), Detail: err.Error(), Hint: a.say("见 zonebox --help", "see zonebox --help")}
	case errors.As(err, &tampered):
		p = &api.Problem{Code: "LOG_TAMPERED", Class: classTampered, Detail: fmt.Sprintf(a.say("审计日志与所见证的不符 (%s)", "the audit log is not the one that was witnessed (%s)"), tampered.broken.Code),
			Hint: a.say("保全状态文件与日志副本,立即报告;除非审计员另行确认过恢复,不要另立状态", "keep the state file and a copy of the log, and report at once; begin no other state unless a restore was acknowledged"), Articles: []string{"NJ24-21", "JM19-36"}}
	case errors.As(err, &partial):
		p = &api.Problem{Code: "PARTIAL", Class: classPartial, Detail: fmt.Sprintf(a.say("%d 个文件中有 %d 个未装载", "of %d files %d were not loaded"), partial.all, partial.failed),
			Hint: a.say("更正后重新运行同一命令;已生效的不会再装载", "mend them and run the same command again; what is in force is not loaded twice")}
	case errors.As(err, &stopped):
		p = a.stoppedProblem(stopped)
	case errors.As(err, &left):
		p = left.problem(a)
	case errors.Is(err, context.Canceled):
		p = &api.Problem{Code: "INTERRUPTED", Class: classInterrupted, Detail: a.say("已中断", "interrupted"),
			Hint: a.say("网关随即终止该语句并记入审计;没有结果放行的,重新提问即可", "the gate ends the statement and logs it; unless its answer was released already, ask again")}
	case errors.As(err, &unknown):
		p = a.unknownProblem(unknown)
	case errors.As(err, &sick):
		p = &api.Problem{Code: "DOCTOR", Class: string(query.ClassFailure), Detail: fmt.Sprintf(a.say("有 %d 项不合格", "%d checks fail"), sick.faults),
			Hint: a.say("按表中“处理”一列逐项处理后再查", "do what the table says of each, and look again"), Articles: []string{"NJ24-22"}}
	case errors.As(err, &settings):
		p = a.settingsProblem(settings)
	case errors.As(err, &n):
		p = &api.Problem{Code: "GATE_UNREACHABLE", Class: string(query.ClassFailure), Detail: a.say("连不上网关", "the gate does not answer"),
			Hint: a.say("先启动 zonebox serve,或检查 --domain、--socket 或 --gate", "start zonebox serve, or check --domain, --socket or --gate")}
	case errors.Is(err, release.ErrRecipient):
		p = &api.Problem{Code: "NOT_RECIPIENT", Class: string(query.ClassDenied), Detail: a.say("该结果密封给另一位接收人", "this artifact is sealed to another recipient"),
			Hint: a.say("由标签所写的接收人以 --as 打开", "the recipient on its label opens it with --as"), Articles: []string{"SY20-23"}}
	case errors.Is(err, release.ErrFormat), errors.Is(err, release.ErrSignature), errors.Is(err, release.ErrDigest), errors.Is(err, release.ErrContent):
		p = &api.Problem{Code: "ARTIFACT_REFUSED", Class: string(query.ClassFailure), Detail: a.say("文件不是本网关签发,或已被改动", "the file was not issued by this gate, or was changed"),
			Hint: a.say("以 query --resume 重新领取", "collect it again with query --resume"), Articles: []string{"NJ24-21"}}
	default:
		p = &api.Problem{Code: "FAILED", Class: string(query.ClassFailure), Detail: err.Error()}
	}
	code, ok := exits[query.Class(p.Class)]
	switch p.Class {
	case classInterrupted:
		return p, exitInterrupted
	case classPartial:
		return p, exitPartial
	case classTampered:
		return p, exitTampered
	}
	if !ok {
		code = exitFailure
	}
	return p, code
}
