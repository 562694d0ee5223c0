package main

import (
	"fmt"
	"io"
	"strings"

	"zonebox/release"
)

// printEffect says how well a result hides the people in it, and why; nothing of
// open data.
func (a *app) printEffect(w io.Writer, e *release.Effect) {
	if e == nil {
		return
	}
	var why []string
	add := func(zh, en string, args ...any) { why = append(why, fmt.Sprintf(a.say(zh, en), args...)) }
	switch e.Level {
	case 1:
		add("含直接标识个人的列", "a column identifies people directly")
	case 4:
		add("聚合数据", "statistics")
	}
	if e.K > 0 {
		add("k=%d", "k=%d", e.K)
	}
	if e.L > 0 {
		add("l=%d", "l=%d", e.L)
	}
	if e.Threshold > 0 {
		add("风险 %.2f,可接受 %.2f", "risk %.2f, acceptable %.2f", e.Risk, e.Threshold)
	}
	if e.TokenMatched > 0 {
		add("知晓频率者可认出 %.1f%% 行的令牌", "who knows frequencies names the tokens of %.1f%% of the rows", 100*e.TokenMatched)
	}
	fmt.Fprintf(w, a.say("去标识化效果: %d 级(%s)\n", "de-identification: level %d of 4 (%s)\n"), e.Level, strings.Join(why, a.say(",", ", ")))
}

// printTechniques says how the columns of a result were masked; nothing if none
// was.
func (a *app) printTechniques(columns []release.HeaderColumn) {
	var out []string
	for _, c := range columns {
		if c.Technique != "" {
			out = append(out, printable(c.Name)+" "+printable(c.Technique))
		}
	}
	if len(out) > 0 {
		fmt.Fprintf(a.stderr, a.say("去标识化技术: %s\n", "techniques: %s\n"), strings.Join(out, a.say(";", "; ")))
	}
}
