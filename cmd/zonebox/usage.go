package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/config"
)

// headings are what cobra's help calls its parts, in Chinese.
var headings = strings.NewReplacer("Usage:", "用法:", "Aliases:", "别名:", "Examples:", "示例:", "Available Commands:", "命令:",
	"Additional Commands:", "其他命令:", "Global Flags:", "全局选项:", "Flags:", "选项:", "Additional help topics:", "其他说明:", "[command]", "[命令]",
	` for more information about a command.`, ` 说明各命令`, `Use "`, `用 "`)

// faults are what the flag parser begins its complaints with, in Chinese.
var faults = strings.NewReplacer("unknown flag: ", "没有该选项: ", "unknown shorthand flag: ", "没有该选项: ", "flag needs an argument: ", "选项缺少取值: ",
	"invalid argument ", "取值无效: ", "bad flag syntax: ", "选项写法有误: ")

// speak has every verb below root speak the language of the invocation where cobra
// speaks for it, and refuse what it does not take.
func (a *app) speak(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	if a.stdout != nil {
		root.SetOut(a.stdout) // completion keeps what it finds here
	}
	root.InitDefaultCompletionCmd()
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if v := new(config.ValueError); errors.As(err, &v) && a.lang != "en" {
			err = errors.New(strings.Replace(err.Error(), v.EN, v.ZH, 1))
		}
		if a.lang != "en" {
			err = errors.New(faults.Replace(err.Error()))
		}
		return usageError{err}
	})
	if a.lang != "en" {
		root.SetUsageTemplate(headings.Replace(root.UsageTemplate()))
	}
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Short = a.say("显示某一命令的说明", "Help about any command")
			c.Long = c.Short
		case "completion":
			c.Short = a.say("生成命令行补全脚本", "Generate the autocompletion script for the specified shell")
			if a.lang != "en" {
				c.Long = ""
				for _, shell := range c.Commands() {
					shell.Short, shell.Long = "生成 "+shell.Name()+" 的补全脚本", "生成 "+shell.Name()+" 的补全脚本,写到标准输出"
					if f := shell.Flags().Lookup("no-descriptions"); f != nil {
						f.Usage = "不带说明"
					}
				}
			}
		}
	}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = a.say("显示说明", "show this help")
		switch {
		case c.HasSubCommands():
			c.RunE, c.Args = groupOnly, cobra.ArbitraryArgs
		case c.Args == nil && c.Name() != "help":
			c.Args = noArgs
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
}

// said returns the text in the language of the command line that c is part of.
func said(c *cobra.Command, zh, en string) string {
	if f := c.Flag("lang"); f != nil && strings.HasPrefix(f.Value.String(), "en") {
		return en
	}
	return zh
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf(said(c, "多余的参数 %q", "unexpected argument %q"), args[0])}
	}
	return nil
}

// groupOnly is the action of a verb that only groups others.
func groupOnly(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	c.SuggestionsMinimumDistance = 2 // letters, as cobra has it where it suggests by itself
	text := fmt.Sprintf(said(c, "%q 没有命令 %q", "%[1]q has no command %[2]q"), c.CommandPath(), args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf(said(c, ",相近的有 %s", "; near it are %s"), strings.Join(near, ", "))
	}
	return usageError{errors.New(text)}
}

func nArgs(low, high int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < low || len(args) > high {
			want := fmt.Sprint(low)
			if high > low {
				want = fmt.Sprintf(said(c, "%d 至 %d", "%d to %d"), low, high)
			}
			return usageError{fmt.Errorf(said(c, "给出 %d 个参数,须为 %s 个", "got %d arguments, want %s"), len(args), want)}
		}
		return nil
	}
}
