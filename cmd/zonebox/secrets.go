package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"zonebox/config"
	"zonebox/keys"
	"zonebox/query"
)

// secrets are the flags of the verbs that open a domain folder.
type secrets struct{ keys, passphraseFile, vault string }

func (s *secrets) settings() []config.Setting {
	return []config.Setting{
		{Name: "keys", Value: config.NewPath(&s.keys), ZH: "密钥目录,须在域目录之外,缺省为 域目录.keys", EN: "key folder outside the domain folder, DOMAIN.keys by default"},
		{Name: "passphrase-file", Value: config.NewPath(&s.passphraseFile), ZH: "口令文件,缺省则提示输入", EN: "passphrase file, else it is asked for"},
		{Name: "vault", Value: config.NewPath(&s.vault), ZH: "Vault 配置文件 (YAML):密钥由其 transit 引擎保管,不用口令", EN: "YAML file that says which Vault keeps the keys, instead of a passphrase"},
	}
}

func (s *secrets) flags(a *app, c *cobra.Command) { a.declare(c.Flags(), s.settings()) }

// vaultHelp says what a --vault file holds, and what the credentials must allow.
func (a *app) vaultHelp() string {
	return a.say(`--vault 文件 (YAML),除 address 外均可省略:
  address: https://vault.example:8200    仅本机地址可用 http
  ca_file: /etc/zonebox/ca.pem           缺省为系统信任的 CA
  token_file: /run/zonebox/token         或 role_id_file 与 secret_id_file (AppRole,
                                         approle_mount 缺省 approle);文件权限须为 0600,
                                         缺省取 VAULT_TOKEN、VAULT_ROLE_ID、VAULT_SECRET_ID
  namespace: nanjing                     缺省无
  mount: transit                         transit 引擎的挂载点
  prefix: zonebox                        密钥名前缀
  lease_seconds: 300                     专区密钥使用多久须再问 Vault
凭据须可 create、read、update、delete transit/keys/zonebox-*,
update transit/encrypt/zonebox-* 与 transit/decrypt/zonebox-*。`,
		`A --vault file is YAML; all but the address may be left out:
  address: https://vault.example:8200    http only for an address of this host
  ca_file: /etc/zonebox/ca.pem           what the host trusts by default
  token_file: /run/zonebox/token         or role_id_file and secret_id_file (AppRole,
                                         approle_mount is approle by default), mode 0600;
                                         else VAULT_TOKEN, VAULT_ROLE_ID, VAULT_SECRET_ID
  namespace: nanjing                     none by default
  mount: transit                         of the transit engine
  prefix: zonebox                        that names of keys begin with
  lease_seconds: 300                     keys of zones are used so long without asking
The credentials need create, read, update and delete on transit/keys/zonebox-*,
update on transit/encrypt/zonebox-* and transit/decrypt/zonebox-*.`)
}

// open puts what opens the key folder into cfg: Vault, or a passphrase, asked for
// twice if it is a new one.
func (s *secrets) open(a *app, cfg *query.Config, isNew bool) (err error) {
	if s.vault == "" {
		cfg.Passphrase, err = s.passphrase(a, isNew)
		return err
	}
	text, err := os.ReadFile(s.vault)
	if err != nil {
		return fmt.Errorf("zonebox: read vault configuration: %w", err)
	}
	c := keys.VaultConfig{Getenv: os.Getenv}
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return usageError{fmt.Errorf("vault configuration %s: %v", s.vault, err)}
	}
	cfg.Provider, err = keys.Vault(c)
	return err
}

func (s *secrets) folder(a *app) string {
	if s.keys != "" {
		return s.keys
	}
	return filepath.Clean(a.domain) + ".keys"
}

// passphrase reads the key store's passphrase from its file or the terminal,
// twice if it is a new one. It is never a flag: command lines are public.
func (s *secrets) passphrase(a *app, isNew bool) ([]byte, error) {
	if s.passphraseFile != "" {
		b, err := query.ReadSecret(s.passphraseFile)
		if err != nil {
			return nil, fmt.Errorf("zonebox: read passphrase: %w", err)
		}
		return bytes.TrimRight(b, "\r\n"), nil
	}
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil, usageError{errors.New(a.say("缺少 --passphrase-file", "--passphrase-file is missing"))}
	}
	ask := func(prompt string) ([]byte, error) {
		fmt.Fprint(a.stderr, prompt)
		defer fmt.Fprintln(a.stderr)
		return term.ReadPassword(fd)
	}
	pass, err := ask(a.say("口令: ", "passphrase: "))
	if err != nil || !isNew {
		return pass, err
	}
	again, err := ask(a.say("再输一次: ", "again: "))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(pass, again) {
		return nil, usageError{errors.New(a.say("两次口令不同", "the passphrases differ"))}
	}
	return pass, nil
}

// workerPath returns the worker binary: given, or beside this one.
func workerPath(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("zonebox: find own binary: %w", err)
	}
	return filepath.Join(filepath.Dir(self), strings.TrimSuffix(filepath.Base(self), ".test")+"-worker"), nil
}
