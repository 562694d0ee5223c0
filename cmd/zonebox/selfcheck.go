package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) selfcheckCmd() *cobra.Command {
	var output, file string
	c := &cobra.Command{
		Use:   "selfcheck",
		Short: a.say("由网关测量并签署等保三级与密评的自查报告", "have the gate measure itself by the standards of protection and cryptography, and sign it"),
		Long: a.say(`网关当场测量 TLS、存储加密、密钥分离、审计日志、时钟、备份等,逐条对照 GB/T 22239-2019 与
GB/T 39786-2021 三级条款,结论为符合、不符合或由部署方举证。报告由网关签名密钥签署,其摘要先入
审计日志;它不是测评结论,不构成认证。限数据中心与安全人员。-o json 为可核验的文件,
--verify 以 --domain 目录中的公钥离线核验。

`, `The gate measures TLS, encryption at rest, separation of keys, the log, the clock, backups
and more, now, beside clauses of GB/T 22239-2019 and GB/T 39786-2021, level three: met, not
met, or the deployer's to show. Its signing key signs the report, whose digest is in the log
first. It is no assessment and certifies nothing. For the data centre and security. -o json
is the file that --verify takes, by the key in the folder --domain, asking no gate.

`),
		Example: "  zonebox selfcheck --as wu.dc > selfcheck.md\n  zonebox selfcheck --as wu.dc -o json > selfcheck.json\n  zonebox selfcheck --verify selfcheck.json --domain /srv/nanjing",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if output != "markdown" && output != "json" {
				return usageError{fmt.Errorf("-o %q: want markdown|json", output)}
			}
			report, err := a.selfcheckReport(c, file)
			if err != nil {
				return err
			}
			if output == "json" {
				text, err := query.EncodeSelfcheck(report)
				if err != nil {
					return err
				}
				_, err = a.stdout.Write(text)
				return err
			}
			return a.printSelfcheck(a.stdout, report)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "markdown", "markdown|json")
	c.Flags().StringVar(&file, "verify", "", a.say("核验此文件,不联系网关", "verify this file and ask no gate"))
	return c
}

// selfcheckReport is the gate's, made now, or the one that a file holds.
func (a *app) selfcheckReport(c *cobra.Command, file string) (*query.Selfcheck, error) {
	if file == "" {
		client, err := a.client()
		if err != nil {
			return nil, err
		}
		return client.MakeSelfcheck(c.Context())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	domain, err := query.ReadDomain(a.domain)
	if err != nil {
		return nil, err
	}
	report, err := query.VerifySelfcheck(text, domain)
	if err != nil {
		return nil, errors.New(a.say("不是本域签署的自查报告,或已被改动: ", "altered, or not a self-check of this domain: ") + filepath.Base(file))
	}
	return report, nil
}

func (a *app) printSelfcheck(w io.Writer, s *query.Selfcheck) error {
	both := func(b query.Bilingual) string { return strings.ReplaceAll(printable(a.say(b.ZH, b.EN)), "|", "\\|") }
	titles := map[string]string{query.ResultMet: a.say("符合", "met"), query.ResultNotMet: a.say("不符合", "not met"), query.ResultDeployer: a.say("部署方", "deployer's")}
	count := map[string]int{}
	var rows strings.Builder
	for _, r := range s.Rows {
		count[r.Result]++
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", printable(r.Clause), both(r.Title), titles[r.Result], both(r.Evidence))
	}
	_, err := fmt.Fprintf(w, "# %s\n\n%s\n\n- %s: %s\n- %s: %s\n- %s: %s\n- %s: %d · %s: %d · %s: %d\n\n| %s | %s | %s | %s |\n|---|---|---|---|\n%s\n%s: `%s`  \n%s: `%x`\n",
		a.say("平台自查报告", "Self-check of the platform"), both(s.Claim), a.say("域", "domain"), printable(s.Domain), a.say("时间", "at"), s.At.Format(time.RFC3339),
		a.say("由", "by"), printable(s.By), titles[query.ResultMet], count[query.ResultMet], titles[query.ResultNotMet], count[query.ResultNotMet], titles[query.ResultDeployer], count[query.ResultDeployer],
		a.say("条款", "clause"), a.say("要求", "what"), a.say("结论", "result"), a.say("证据", "evidence"), rows.String(), a.say("网关公钥", "key of the gate"), printable(s.GateKey), a.say("签名", "signature"), s.Signature)
	return err
}
