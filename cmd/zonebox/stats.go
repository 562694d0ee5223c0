package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"zonebox/query"
)

// printFigures prints what a gate counted since it started.
func (a *app) printFigures(f query.Figures) {
	t := newTable(a.say("网关启动以来", "since the gate started"), a.say("数值", "figure"))
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, Align: text.AlignRight, AlignHeader: text.AlignRight}})
	row := func(zh, en string, figure any) { t.AppendRow([]any{a.say(zh, en), fmt.Sprint(figure)}) }
	c := f.Cache
	row("缓存命中", "cache hits", c.Hits)
	row("缓存未命中", "cache misses", c.Misses)
	row("命中率", "hit rate", rate(c.Hits, c.Hits+c.Misses))
	row("缓存列块", "cached columns of segments", c.Entries)
	row("缓存占用", "cached bytes", size(c.Bytes))
	row("缓存上限", "cache limit", size(c.Limit))
	row("逐出", "evictions", c.Evictions)
	row("正在填充", "being filled", c.Filling)
	row("裁剪的分段", "segments pruned", f.Pruned)
	if w := f.Workers; w != nil {
		row("空闲进程", "idle workers", w.Idle)
		row("启动中的进程", "starting workers", w.Starting)
		row("使用中的进程", "workers in use", w.InUse)
		row("已启动进程", "workers started", w.Started)
		row("空闲时自行终止的进程", "idle workers that died", w.Died)
		row("启动失败", "failed starts", w.Failed)
	}
	fmt.Fprintln(a.stdout, t.Render())
}

// rate prints part of whole in percent, a dash if there is no whole.
func rate(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// size prints bytes in binary units.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	v, at := float64(n), 0
	for v >= 1024 && at < len(units)-1 {
		v, at = v/1024, at+1
	}
	if at == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[at])
}
