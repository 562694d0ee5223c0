package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) manifestCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "manifest",
		Short: a.say("交付清单:目录条目的结构摘要", "delivery manifests: the digest of an entry's columns"),
	}
	c.AddCommand(a.manifestSchemaCmd())
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
