package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"zonebox/audit"
	"zonebox/query"
)

func (a *app) auditCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: a.say("查阅并核验审计日志", "read and verify the audit log"),
	}
	c.AddCommand(a.auditListCmd(), a.auditShowCmd(), a.auditVerifyCmd(), a.auditProveCmd(), a.auditWitnessCmd())
	return c
}

func (a *app) auditListCmd() *cobra.Command {
	var from uint64
	var limit int
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("列出审计条目", "list audit entries"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			entries, err := client.Audit(c.Context(), from, limit)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(entries)
			}
			t := newTable("#", a.say("时间", "at"), a.say("类别", "kind"), a.say("人员", "actor"), a.say("专区", "zone"), a.say("运行", "run"))
			for _, e := range entries {
				t.AppendRow([]any{e.Index, e.At.Format("2006-01-02 15:04:05"), e.Kind, e.Actor, e.Zone, e.Run})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().Uint64Var(&from, "from", 0, a.say("起始条目", "first entry"))
	c.Flags().IntVar(&limit, "limit", 50, a.say("最多条数", "at most this many"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) auditShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show INDEX",
		Short: a.say("显示一个审计条目的全部字段", "show every field of an audit entry"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var index uint64
			if _, err := fmt.Sscan(args[0], &index); err != nil {
				return usageError{fmt.Errorf("index %q is not a number", args[0])}
			}
			entries, err := client.Audit(c.Context(), index, 1)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				return usageError{fmt.Errorf(a.say("没有第 %d 条", "there is no entry %d"), index)}
			}
			return a.printJSON(entries[0])
		},
	}
}

func (a *app) auditProveCmd() *cobra.Command {
	var save string
	c := &cobra.Command{
		Use:   "prove RUN",
		Short: a.say("取得一次放行在审计日志中的证明,供 inspect 离线核对", "get the proof that a release stands in the audit log, for inspect to check offline"),
		Long: a.say(`取得运行 RUN 的放行条目、其序号、Merkle 包含证明与签名检查点,写成一个 JSON 文件。
本人、接收人与监管、审计人员可取;不含数据。`,
			`Gets the entry by which run RUN was released, its index, the Merkle proof of its
inclusion and the signed checkpoint, as one JSON file. It is for who asked, the
recipient and those who supervise, and holds no data.`),
		Example: "  zonebox audit prove --as li.op run-06f4… --save visits.proof.json",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			proof, err := client.Proof(c.Context(), args[0])
			if err != nil {
				return err
			}
			if save == "" {
				return a.printJSON(proof)
			}
			text, err := json.MarshalIndent(proof, "", "  ")
			if err != nil {
				return fmt.Errorf("zonebox: write proof: %w", err)
			}
			if err := writeNew(save, append(text, '\n')); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stderr, a.say("已保存证明 %s:审计日志第 %d 条\n", "saved proof %s: entry %d of the audit log\n"), save, proof.Index)
			return err
		},
	}
	c.Flags().StringVar(&save, "save", "", a.say("写入新文件,而非标准输出", "write to a new file instead of standard output"))
	return c
}

// writeNew writes a file of one's own that is not there yet.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("zonebox: write file: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("zonebox: write file: %w", err)
	}
	return nil
}

func (a *app) auditVerifyCmd() *cobra.Command {
	var verifier, output, state string
	c := &cobra.Command{
		Use:   "verify",
		Short: a.say("离线核验审计日志,指出第一处损坏", "verify the audit log offline and name the first broken place"),
		Long: a.say(`离线核验域目录中的审计日志:签名检查点、Merkle 树、SM3 链与登记处版本。
日志须延续域目录所存的最新见证。审计员应以自己留存的 --verifier-key,或以 audit witness 的状态文件 --witness 核验:
连同一切被恢复到旧状态的日志,只有后者看得出,此时退出码为 10。缺省取域目录中记录的公钥。`,
			`Verifies the audit log in the domain folder offline: signed checkpoint, Merkle
tree, SM3 chain and registry revisions. The log has to continue what was witnessed
last, as far as the folder tells. An auditor should pass the --verifier-key they
kept, or with --witness the state file of audit witness: that everything was put
back to an older state is seen by the latter alone, and then the exit code is 10.
By default the key recorded in the domain folder is used.`),
		Example: "  zonebox audit verify --domain /srv/nanjing",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.domain == "" {
				return usageError{errors.New(a.say("缺少 --domain", "--domain is missing"))}
			}
			d, err := query.ReadDomain(a.domain)
			if err != nil {
				return err
			}
			var kept [][]byte
			if b, err := query.Witnessed(a.domain); err != nil {
				return err
			} else if b != nil {
				kept = append(kept, b)
			}
			if state != "" {
				w, err := audit.ReadWitness(state)
				if err != nil {
					return err
				}
				kept = append(kept, []byte(w.Checkpoint))
				verifier = cmp.Or(verifier, w.Verifier)
			}
			r, err := audit.Verify(query.AuditDir(a.domain), cmp.Or(verifier, d.AuditKey), kept...)
			if broken := new(audit.BrokenError); state != "" && errors.As(err, &broken) {
				return &tamperedError{broken}
			}
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(r)
			}
			_, err = fmt.Fprintf(a.stdout, a.say("审计日志完好:%d 条,签名检查点覆盖 %d 条,登记处版本 %d,根 %.16s…\n",
				"the audit log is intact: %d entries, %d under the signed checkpoint, registry revision %d, root %.16s…\n"), r.Size+r.Tail, r.Size, r.Revision, r.Root)
			if r.Torn != "" {
				fmt.Fprintf(a.stderr, a.say("%s 末尾有一次未写完的写入,未曾答复任何人\n", "%s ends in a write that was cut short, of which nobody was told\n"), r.Torn)
			}
			return err
		},
	}
	c.Flags().StringVar(&verifier, "verifier-key", "", a.say("审计日志公钥", "verifier key of the log"))
	c.Flags().StringVar(&state, "witness", "", a.say("审计员自己的见证状态文件", "the auditor's own state file of audit witness"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}
