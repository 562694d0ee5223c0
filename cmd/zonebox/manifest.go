package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

func (a *app) manifestCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "manifest",
		Short: a.say("交付清单:目录条目的结构摘要,提供单位签名", "delivery manifests: the digest of an entry's columns, the provider's signature"),
	}
	c.AddCommand(a.manifestSchemaCmd(), a.manifestSignCmd())
	return c
}

func (a *app) manifestSchemaCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "schema DATASET",
		Short:   a.say("打印清单 schema_sha256 一项应写的值", "print what the field schema_sha256 of a manifest must say"),
		Example: "  zonebox manifest schema visits --as qian.hospital",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			docs, err := client.Documents(c.Context(), "dataset", args[0])
			if err != nil {
				return err
			}
			if len(docs) != 1 {
				return usageError{fmt.Errorf(a.say("目录中没有可见的数据集 %s", "no dataset %s that is visible to you"), args[0])}
			}
			_, err = fmt.Fprintln(a.stdout, docs[0].SchemaSHA256)
			return err
		},
	}
}

func (a *app) manifestSignCmd() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "sign -f MANIFEST",
		Short:   a.say("以提供单位人员 --as 签署清单,签署后的清单写到标准输出", "sign a manifest as --as, a person of the provider; the signed one goes to stdout"),
		Example: "  zonebox manifest sign --as qian.hospital -f visits.manifest.yaml > visits.signed.yaml",
		RunE: func(*cobra.Command, []string) error {
			key, err := a.userKey()
			if err != nil {
				return err
			}
			text, err := readFile(file, a.stdin)
			if err != nil {
				return err
			}
			m, err := manifestOf(text)
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", file, err)}
			}
			out, err := yaml.Marshal(m.Sign(a.user, key.Private(), a.now()))
			if err != nil {
				return fmt.Errorf("zonebox: print manifest: %w", err)
			}
			_, err = a.stdout.Write(out)
			return err
		},
	}
	fileFlag(a, c, &file)
	return c
}
