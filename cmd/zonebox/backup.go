package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) backupCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "backup",
		Short: a.say("备份登记处、数据与审计日志,核验与恢复", "back up registry, data and audit log; verify and restore"),
		Long: a.say(`备份写入 serve --backup-root 指定的目录,期间查询与装载照常。登记处与审计日志加密,数据本为密文;
密钥目录不在备份内,须另行保管。恢复到空目录并核验;恢复的旧状态须由两人 (数据中心一人,市数据主管部门或安全保密一人)
各以 backup accept 下令后才能启动,日志载明;备份短于审计员见证过的日志的,另须一名审计员下同样的令。
恢复不会带回其后已销毁的数据。`,
			`Backups go to the folders of serve --backup-root while statements and loads go on.
Registry and log are encrypted, data are ciphertext already; the key folder is not
in a backup and must be kept elsewhere. A backup is restored to an empty folder and
verified; the older state starts only once two people order it by backup accept, one
of the data centre and one of the city authority or security, which the log shows;
and an auditor too, where an auditor witnessed more of the log than was backed up.
Nothing comes back that was shredded since.`),
		Example: `  zonebox serve --backup-root /backup/nanjing …
  zonebox backup create --as wu.dc
  zonebox backup restore backup-20261123-… --backup-root /backup/nanjing --domain /srv/again --keys /srv/nanjing.keys
  zonebox backup accept --domain /srv/again --reason "硬盘损坏" --as wu.dc
  zonebox backup accept --domain /srv/again --reason "硬盘损坏" --as zhao.city`,
	}
	c.AddCommand(a.backupCreateCmd(), a.backupListCmd(), a.backupVerifyCmd(), a.backupRestoreCmd(), a.backupAcceptCmd())
	return c
}

func (a *app) backupCreateCmd() *cobra.Command {
	var root string
	c := &cobra.Command{
		Use: "create", Short: a.say("备份整个域,须有 export 权限", "back the domain up; takes the permission export"), Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			b, err := client.CreateBackup(c.Context(), root)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, b.ID)
			a.sayBackup(b)
			return nil
		},
	}
	c.Flags().StringVar(&root, "root", "", a.say("写入哪个备份目录,只有一个时可省略", "which backup root; may be left out if there is one"))
	return c
}

func (a *app) sayBackup(b *query.Backup) {
	fmt.Fprintf(a.stderr, a.say("%d 个文件,%d 字节,审计日志 %d 条,%s\n", "%d files, %d bytes, %d entries of the audit log, %s\n"),
		len(b.Files), b.Size(), b.Log, b.Created.Format(time.DateTime))
}

func (a *app) backupListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: a.say("列出备份", "list backups"), Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Backups(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("备份", "backup"), a.say("时间", "created"), a.say("操作人", "by"), a.say("日志条数", "log entries"))
			t.SetColumnConfigs([]table.ColumnConfig{{Number: 4, Align: text.AlignRight, AlignHeader: text.AlignRight}})
			for _, b := range all {
				t.AppendRow([]any{b.ID, b.Created.Format(time.DateTime), printable(b.By), b.Log})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) backupVerifyCmd() *cobra.Command {
	return &cobra.Command{
		Use: "verify BACKUP", Short: a.say("逐字节核验一个备份", "verify every byte of a backup"), Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			b, err := client.VerifyBackup(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, a.say("完好", "intact"))
			a.sayBackup(b)
			return nil
		},
	}
}

func (a *app) backupRestoreCmd() *cobra.Command {
	var s secrets
	var root string
	c := &cobra.Command{
		Use:   "restore BACKUP",
		Short: a.say("把备份恢复到空的域目录并核验 (网关不得占用密钥目录)", "restore a backup to an empty domain folder and verify it (no gate may hold the key folder)"),
		Long: a.say("用现有的密钥目录恢复;其后已销毁的密钥不会回来。恢复后不能直接启动,须先 backup accept。\n\n",
			"It takes the key folder of today; keys destroyed since do not come back. What was\nrestored does not start before backup accept.\n\n") + a.vaultHelp(),
		Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if a.domain == "" || root == "" {
				return usageError{errors.New(a.say("缺少 --domain 或 --backup-root", "--domain or --backup-root is missing"))}
			}
			cfg := query.Config{Domain: a.domain, Keys: s.folder(a)}
			if err := s.open(a, &cfg, false); err != nil {
				return err
			}
			b, err := query.Restore(c.Context(), cfg, filepath.Clean(root), args[0])
			clear(cfg.Passphrase)
			if err != nil {
				return err
			}
			a.sayBackup(b)
			fmt.Fprintf(a.stderr, a.say("已恢复到 %s;数据中心一人与市数据主管部门或安全保密一人各自下令后方可启动: zonebox backup accept\n",
				"restored to %s; it starts once two people order it, one of the data centre and one of the city authority or security: zonebox backup accept\n"), a.domain)
			return nil
		},
	}
	s.flags(a, c)
	c.Flags().StringVar(&root, "backup-root", "", a.say("备份所在目录", "folder the backup stands in"))
	return c
}

func (a *app) backupAcceptCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "accept",
		Short: a.say("下令启用恢复的旧状态 (两人各一次):备份之后的变更不复存在,审计日志载明", "order a restored older state to be taken up, by two people: what happened since is lost to it, and the log says so"),
		Args:  noArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			if a.domain == "" || strings.TrimSpace(reason) == "" {
				return usageError{errors.New(a.say("缺少 --domain 或 --reason", "--domain or --reason is missing"))}
			}
			key, err := a.userKey()
			if err != nil {
				return err
			}
			r, err := query.ReadRestored(a.domain)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("备份 %s,%s,审计日志 %d 条\n", "backup %s, %s, %d entries of the audit log\n"),
				printable(r.Backup), r.Created.Format(time.DateTime), r.Log)
			by, err := query.OrderRestored(a.domain, key, reason, a.now())
			if err != nil {
				return err
			}
			if len(by) < 2 {
				fmt.Fprint(a.stderr, a.say("已记录,待第二人执行同一命令\n", "noted; a second person gives the same order\n"))
				return nil
			}
			fmt.Fprintf(a.stderr, a.say("已由 %s 下令,启动网关时核对并记入审计日志\n", "ordered by %s; it is checked and logged when the gate starts\n"), printable(strings.Join(by, ", ")))
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "", a.say("理由", "reason"))
	return c
}
