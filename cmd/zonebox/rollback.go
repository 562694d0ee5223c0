package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/api"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) rollbackCmd() *cobra.Command {
	var to int64
	var reason, file string
	var draft bool
	c := &cobra.Command{
		Use:   "rollback KIND NAME",
		Short: a.say("以较早一版的内容一步登记为新版", "make an earlier version of a document the newest, in one step"),
		Long: a.say(`新版的内容同较早一版,状态保持现行 (已暂停、已终止的不会因此恢复),由该类文档所需各方重新签署;降低保护的按降低审核。
只需本人签署的直接生效;须他人签署的,先以 --draft 生成并签名,交他人 sign,再以 -f 提交。`,
			`The new version has the content of the earlier one and the status of now: nothing that
is suspended or ended resumes. It is signed anew by those whom its kind takes; what
lowers protection is judged as that. Where others sign as well, draw it up with --draft,
have them sign it, and hand it in with -f.`),
		Example: "  zonebox rollback retention domain --reason \"期限误定\" --as zhao.city\n  zonebox rollback license medical-2026 --to 1 --reason \"误签\" --draft --as zhao.city > back.yaml",
		Args:    nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if reason == "" {
				return usageError{errors.New(a.say("缺少 --reason", "--reason is missing"))}
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			o, err := a.rollbackOrder(c, client, args, to, reason, file)
			if err != nil {
				return err
			}
			if draft {
				text, err := yaml.Marshal(o.Document)
				if err != nil {
					return fmt.Errorf("zonebox: print document: %w", err)
				}
				_, err = a.stdout.Write(text)
				return err
			}
			done, err := client.RollBackDocument(c.Context(), o)
			if err != nil {
				return err
			}
			for _, d := range done {
				fmt.Fprintf(a.stderr, a.say("%s %s: 第 %d 版,内容同第 %d 版\n", "%s %s: version %d, with the content of version %d\n"), d.Kind, d.Name, d.Version, o.To)
			}
			return nil
		},
	}
	c.Flags().Int64Var(&to, "to", 0, a.say("较早的版本,缺省为前一版", "earlier version, the one before by default"))
	c.Flags().StringVar(&reason, "reason", "", a.say("理由", "reason"))
	c.Flags().BoolVar(&draft, "draft", false, a.say("只生成并签名,写到标准输出", "only draw it up and sign it, to standard output"))
	c.Flags().StringVarP(&file, "file", "f", "", a.say("已由各方签署的 --draft", "what --draft gave, signed by all"))
	return c
}

// rollbackOrder draws up the earlier version and signs it, or reads what was signed.
func (a *app) rollbackOrder(c *cobra.Command, client *api.Client, args []string, to int64, reason, file string) (query.RollbackOrder, error) {
	var now, old registry.Document
	shown, err := client.Show(c.Context(), query.ShowRequest{Kind: args[0], Name: args[1]})
	if err != nil {
		return query.RollbackOrder{}, err
	}
	if to == 0 {
		to = shown.Version - 1
	}
	o := query.RollbackOrder{To: to, Reason: reason}
	if file != "" {
		docs, err := readDocuments(file)
		if err != nil || len(docs) != 1 {
			return o, errors.Join(err, usageError{errors.New(a.say("文件须只含该文档", "the file must hold that document alone"))})
		}
		o.Document = docs[0]
		return o, nil
	}
	if to < 1 || to >= shown.Version {
		return o, usageError{fmt.Errorf(a.say("没有早于现行第 %d 版的第 %d 版", "version %[2]d is not before version %[1]d, which is in force"), shown.Version, to)}
	}
	before, err := client.Show(c.Context(), query.ShowRequest{Kind: args[0], Name: args[1], Version: to})
	if err != nil {
		return o, err
	}
	if err := errors.Join(json.Unmarshal(shown.Document, &now), json.Unmarshal(before.Document, &old)); err != nil {
		return o, fmt.Errorf("zonebox: read document: %w", err)
	}
	if o.Document, err = registry.Earlier(old, now, reason); err != nil {
		return o, err
	}
	key, err := a.userKey()
	if err != nil {
		return o, err
	}
	o.Document.Sign(a.user, key.Private(), a.now())
	return o, nil
}
