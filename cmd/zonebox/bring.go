package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"zonebox/api"
	"zonebox/query"
)

// An errand is a delivery to be brought to the gate.
type errand struct {
	name     string // as people call it
	manifest query.Manifest
	data     io.Reader
	size     int64
}

// bring brings a delivery to the gate and returns what became of it, with the id
// of its load, "" if the gate gave it none. Once ctx ends it has the gate end the
// load and returns a *stoppedLoads that says how it ended.
func (a *app) bring(ctx context.Context, client *api.Client, meter *meter, e errand) (r *query.LoadReport, id string, err error) {
	entered := make(chan string, 1)
	r, err = client.Load(ctx, e.manifest, query.Incoming{Data: e.data, Size: e.size, Entered: func(id string) {
		left := meter.follow(e.name, id)
		context.AfterFunc(ctx, left)
		entered <- id
	}})
	select {
	case id = <-entered:
	default:
	}
	if ctx.Err() == nil {
		return r, id, err
	}
	stopped := &stoppedLoads{}
	if id != "" {
		stopped.ended = append(stopped.ended, a.callOff(client, id))
	}
	if err == nil { // it ended before it could be ended
		return r, id, nil
	}
	return nil, id, stopped
}

// callOff ends a load in the name of a command that was interrupted, and returns
// how it ended. What the gate does not say is left empty.
func (a *app) callOff(client *api.Client, id string) query.LoadView {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_, _ = client.StopLoad(ctx, id) // the gate may have noticed by itself
	v, err := lastWord(ctx, client, id)
	if err != nil {
		return query.LoadView{ID: id}
	}
	return *v
}

// lastWord waits until a load that was called off has ended.
func lastWord(ctx context.Context, client *api.Client, id string) (*query.LoadView, error) {
	for {
		v, err := client.LoadByID(ctx, id)
		if err != nil || v.Over() {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stoppedLoads is the end of a command that was interrupted while it loaded.
type stoppedLoads struct {
	ended []query.LoadView // those that were under way
}

func (*stoppedLoads) Error() string { return "zonebox: load interrupted" }

func (*stoppedLoads) Unwrap() error { return context.Canceled }

// stoppedProblem says how things stand after an interruption.
func (a *app) stoppedProblem(s *stoppedLoads) *api.Problem {
	p := &api.Problem{Code: "INTERRUPTED", Class: classInterrupted, Detail: a.say("已中断;尚未开始装载", "interrupted before anything was loaded"),
		Hint: a.say("重新运行同一命令;已生效的不会再装载", "run the same command again; what is in force is not loaded twice")}
	var lines []string
	for _, v := range s.ended {
		switch v.State {
		case query.LoadLoaded, query.LoadAlready:
			lines = append(lines, fmt.Sprintf(a.say("%s 已装载完毕,版本 %s 已生效", "%s had been loaded: version %s is in force"), v.Dataset, v.Version))
		case query.LoadStopped, query.LoadRefused, query.LoadFailed:
			lines = append(lines, fmt.Sprintf(a.say("%s 已终止于 %s 行,数据集保持原样 (%s)", "%s was stopped at %s rows, the dataset is as before (%s)"), v.Dataset, grouped(v.Rows), v.ID))
		default:
			lines = append(lines, fmt.Sprintf(a.say("%s 的结局未知,用 zonebox loads show %s 查看", "how %s ended is not known; see zonebox loads show %s"), v.Dataset, v.ID))
		}
	}
	if len(lines) > 0 {
		p.Detail = a.say("已中断:", "interrupted: ") + strings.Join(lines, a.say(";", "; "))
	}
	return p
}

// failed reports whether err says that the gate or the way to it failed, and not
// that a delivery was judged.
func (a *app) failed(err error) bool {
	p, _ := a.problem(err)
	return p.Class == string(query.ClassFailure) || p.Class == string(query.ClassBusy) || errors.Is(err, context.Canceled)
}
