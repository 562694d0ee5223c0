package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/query"
)

// requestReply is the written reply to a data request: what was decided by whom, on
// what ground.
type requestReply struct {
	Request   string    `json:"request"`
	Applicant string    `json:"applicant"`
	Datasets  []string  `json:"datasets"`
	Filed     time.Time `json:"filed"`
	Replied   time.Time `json:"replied"`
	OnTheSpot bool      `json:"on_the_spot"` // on the day of its filing
	Decision  string    `json:"decision"`    // approve, return or reject
	By        string    `json:"by"`          // an organization
	BasisKind string    `json:"basis_kind,omitempty"`
	Basis     string    `json:"basis,omitempty"`
}

// replyDecisions are the moves that answer a request, the words of a reply for each.
var replyDecisions = map[string][2]string{
	"approve": {"同意,授权已生效", "granted; the grant is in force"},
	"return":  {"退回补正", "returned to be mended"},
	"reject":  {"不同意", "refused"},
	"uphold":  {"经协调维持不同意", "refused, which the city authority let stand"},
}

// replyOf returns the reply to a request, the last of those since it was assessed
// anew, and false if nobody has answered it yet.
func replyOf(d *query.RequestDetail) (requestReply, bool) {
	r := requestReply{Request: d.Name, Applicant: d.Operator, Datasets: d.Datasets}
	if d.FiledAt == nil {
		return r, false
	}
	answered := -1
	for i, h := range d.History {
		switch _, decides := replyDecisions[h.Move]; {
		case decides:
			answered = i
		case h.Move == "resume":
			answered = -1
		}
	}
	if answered < 0 {
		return r, false
	}
	h := d.History[answered]
	r.Filed, r.Replied, r.Decision, r.By, r.BasisKind, r.Basis = *d.FiledAt, h.At, h.Move, h.Org, h.BasisKind, h.Basis
	r.OnTheSpot = r.Filed.Local().Format(time.DateOnly) == r.Replied.Local().Format(time.DateOnly)
	return r, true
}

func (a *app) requestReplyCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "reply NAME",
		Short: a.say("打印对一件数据申请的书面答复:决定、理由与依据", "print the written reply to a data request: the decision, its reason and basis"),
		Long: a.say(`打印对一件数据申请的书面答复。尚未作出决定的没有答复。
`, `Prints the written reply to a data request. One that nobody has decided on has none.
`),
		Example: "  zonebox request reply --as li.op outpatient-statistics-1a2b3c",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			d, err := client.DataRequest(c.Context(), args[0])
			if err != nil {
				return err
			}
			r, ok := replyOf(d)
			if !ok {
				return usageError{errors.New(a.say("尚未答复:", "not answered yet: ") + a.nextStep(d.Next))}
			}
			if output == "json" {
				return a.printJSON(r)
			}
			a.printReply(r)
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text|json")
	return c
}

func (a *app) printReply(r requestReply) {
	day := func(t time.Time) string { return t.Local().Format(time.DateOnly) }
	replied := day(r.Replied)
	if r.OnTheSpot {
		replied += a.say("(当场答复)", " (on the spot)")
	}
	lines := [][2]string{
		{a.say("数据申请", "request"), r.Request},
		{a.say("申请单位", "applicant"), r.Applicant},
		{a.say("数据集", "datasets"), strings.Join(r.Datasets, ", ")},
		{a.say("收到", "received"), day(r.Filed)},
		{a.say("答复", "replied"), replied},
		{a.say("决定", "decision"), a.called(replyDecisions, r.Decision)},
		{a.say("作出单位", "decided by"), r.By},
		{a.say("理由与依据", "reason and basis"), strings.TrimSpace(r.BasisKind + " " + printable(r.Basis))},
	}
	lines = slices.DeleteFunc(lines, func(l [2]string) bool { return l[1] == "" })
	for _, l := range lines {
		fmt.Fprintf(a.stdout, "%s: %s\n", l[0], l[1])
	}
}
