package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/keys"
	"zonebox/registry"
)

func (a *app) userCmd() *cobra.Command {
	var national bool
	c := &cobra.Command{
		Use:   "user NAME",
		Short: a.say("生成用户密钥,输出人员文档所需的公钥", "make a user's key and print the public parts for the person document"),
		Example: `  zonebox user li.op >> people.yaml
  zonebox user li.op --sm2 >> people.yaml`,
		Args: nArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.userName(args[0]); err != nil {
				return err
			}
			if _, err := os.Stat(a.keyFile(args[0])); err == nil {
				return usageError{fmt.Errorf(a.say("%s 的密钥已存在", "a key of %s exists"), args[0])}
			}
			generate := keys.Generate
			if national {
				generate = keys.GenerateSM2
			}
			key, err := a.newUserKey(args[0], generate)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "signing_key: %s\nrecipient_key: %s\n", key.SigningKey(), key.RecipientKey())
			return err
		},
	}
	c.Flags().BoolVar(&national, "sm2", false, a.say("结果以 SM2 与 SM4 加密给该用户,而非 HPKE", "results are encrypted to the user by SM2 and SM4, not by HPKE"))
	return c
}

func (a *app) signCmd() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "sign -f FILE",
		Short:   a.say("以 --as 用户签署文档,签署后的文档写到标准输出", "sign documents as --as; the signed documents go to stdout"),
		Example: "  zonebox sign --as sun.health -f license.yaml > license.signed.yaml",
		RunE: func(*cobra.Command, []string) error {
			key, err := a.userKey()
			if err != nil {
				return err
			}
			docs, err := readDocuments(file)
			if err != nil {
				return err
			}
			for i := range docs {
				docs[i].Sign(a.user, key.Private(), a.now())
				text, err := yaml.Marshal(docs[i])
				if err != nil {
					return fmt.Errorf("zonebox: print document: %w", err)
				}
				if _, err := fmt.Fprintf(a.stdout, "---\n%s", text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	fileFlag(a, c, &file)
	return c
}

func fileFlag(a *app, c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "file", "f", "", a.say("YAML 或 JSON 文件,- 为标准输入", "YAML or JSON file, - for standard input"))
	if err := c.MarkFlagRequired("file"); err != nil {
		panic("zonebox: " + err.Error())
	}
}

func readDocuments(file string) ([]registry.Document, error) {
	in := os.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("zonebox: open documents: %w", err)
		}
		defer f.Close()
		in = f
	}
	return registry.Decode(in)
}
