package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"zonebox/keys"
	"zonebox/query"
)

func (a *app) initCmd() *cobra.Command {
	var s secrets
	var org, title, name string
	c := &cobra.Command{
		Use:   "init",
		Short: a.say("新建域:登记处、密钥库、审计日志与首位市数据主管人员", "make a domain: registry, key store, audit log and the first city authority person"),
		Long: a.say(`新建域目录与(域目录之外的)密钥目录,并登记首个机构与首位人员。
--as 指定首位人员;其密钥不存在时自动生成。

`,
			`Makes the domain folder and, outside of it, the key folder, and registers the
first organization and person. --as names that person; the key is made if absent.

`) + a.vaultHelp(),
		Example: "  zonebox init --domain /srv/nanjing --as zhao.city --passphrase-file /run/secrets/zonebox",
		RunE: func(c *cobra.Command, _ []string) error {
			if a.domain == "" || a.user == "" {
				return usageError{errors.New(a.say("缺少 --domain 或 --as", "--domain or --as is missing"))}
			}
			cfg := query.Config{Domain: a.domain, Keys: s.folder(a), Now: a.now}
			if err := s.open(a, &cfg, true); err != nil {
				return err
			}
			key, err := a.userKey()
			if errors.Is(err, keys.ErrNoKey) {
				key, err = a.newUserKey(a.user, keys.Generate)
			}
			if err != nil {
				return err
			}
			err = query.Init(c.Context(), cfg, query.Founder{
				Organization: org, Title: title, User: a.user, RealName: name, Key: key,
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("已建域 %s,密钥在 %s\n", "made domain %s, keys in %s\n"), a.domain, s.folder(a))
			return nil
		},
	}
	s.flags(a, c)
	c.Flags().StringVar(&org, "organization", "city-data-authority", a.say("首个机构的标识", "id of the first organization"))
	c.Flags().StringVar(&title, "title", "市数据主管部门", a.say("首个机构的名称", "title of the first organization"))
	c.Flags().StringVar(&name, "real-name", "", a.say("首位人员的姓名", "real name of the first person"))
	return c
}

func (a *app) newUserKey(user string, generate func(name string) (*keys.User, error)) (*keys.User, error) {
	key, err := generate(user)
	if err != nil {
		return nil, err
	}
	if err := keys.MakeFolder(a.keyring); err != nil {
		return nil, fmt.Errorf("zonebox: make keyring: %w", err)
	}
	return key, keys.SaveUser(a.keyFile(user), key)
}
