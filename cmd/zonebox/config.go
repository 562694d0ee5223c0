package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"zonebox/api"
	"zonebox/config"
	"zonebox/query"
)

// gateSettings is where the gate's settings stand unless --config names another file.
const gateSettings = "/etc/zonebox/zonebox.yaml"

// settingsFile is the file that an invocation takes settings from.
type settingsFile struct {
	file   *config.File // nil without one
	path   string       // whether or not it is there
	faults []config.Fault
	err    error // it cannot be read
}

// settings are those that every verb can be told.
func (a *app) settings() []config.Setting {
	return append(a.shared(), append(a.gate.settings(),
		config.Setting{Name: "as", Value: config.NewText(&a.user), Env: "ZONEBOX_USER", ZH: "以该用户的密钥签名", EN: "sign with this user's key"},
		config.Setting{Name: "keyring", Value: config.NewPath(&a.keyring), ZH: "用户密钥目录,缺省为用户配置目录下的 zonebox/keyring", EN: "folder of user keys, zonebox/keyring in the user's configuration by default"})...)
}

// shared are the settings of gate and client alike.
func (a *app) shared() []config.Setting {
	a.spoken = a.lang
	return []config.Setting{
		{Name: "domain", Value: config.NewPath(&a.domain), ZH: "域目录", EN: "domain folder"},
		{Name: "socket", Value: config.NewPath(&a.socket), ZH: "网关套接字,缺省为 域目录.sock", EN: "gate socket, DOMAIN.sock by default"},
		{Name: "lang", Value: config.NewText(&a.spoken), ZH: "语言,zh 或 en", EN: "language, zh or en"},
	}
}

// known are the settings that a file may hold: those of the gate, or those of a client.
func (a *app) known(client bool) []config.Setting {
	if client {
		return a.settings()
	}
	return append(a.shared(), newServing().settings()...)
}

// declare gives flags to settings.
func (a *app) declare(f *pflag.FlagSet, settings []config.Setting) {
	if a.declared == nil {
		a.declared = map[pflag.Value]config.Setting{}
	}
	for _, s := range settings {
		flag := f.VarPF(s.Value, s.Name, "", fmt.Sprintf("%s (%s)", a.say(s.ZH, s.EN), s.Variable()))
		if _, ok := s.Value.(*config.Switch); ok {
			flag.NoOptDefVal = "true"
		}
		a.declared[s.Value] = s
	}
}

// argument returns what the command line gives a flag, before cobra parses it.
func argument(name string, args []string) (out string) {
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			out = v
		} else if arg == "--"+name && i+1 < len(args) {
			out = args[i+1]
		}
	}
	return out
}

// ofGate reports whether a verb opens a domain folder, and takes the gate's settings.
func ofGate(c *cobra.Command) bool { return c.Flags().Lookup("passphrase-file") != nil }

// readSettings reads the file of settings for the verb that args name, and reports whether
// it changes the language, which help texts were made in.
func (a *app) readSettings(root *cobra.Command, args []string) bool {
	c, _, err := root.Find(args)
	if err != nil || aboutSettings(c) {
		return false
	}
	a.config = a.readFile(cmp.Or(argument("config", args), os.Getenv("ZONEBOX_CONFIG")), !ofGate(c))
	lang := a.config.file.Value("lang")
	if lang == "" || argument("lang", args) != "" || os.Getenv("ZONEBOX_LANG") != "" || tongue(lang) == a.lang {
		return false
	}
	a.lang = tongue(lang)
	return true
}

// readFile reads the file at path, or the usual one, which need not be there.
func (a *app) readFile(path string, client bool) (out settingsFile) {
	usual := gateSettings
	if client {
		dir, err := os.UserConfigDir()
		if err != nil && path == "" {
			return out
		}
		usual = filepath.Join(dir, "zonebox", "config.yaml")
	}
	out.path = cmp.Or(path, usual)
	out.file, out.faults, out.err = config.ReadFile(out.path, a.known(client))
	if path == "" && errors.Is(out.err, fs.ErrNotExist) {
		out.err = nil
	}
	return out
}

// aboutSettings reports whether c looks at settings instead of following them, or writes
// what a shell reads.
func aboutSettings(c *cobra.Command) bool {
	for ; c != nil; c = c.Parent() {
		switch c.Name() {
		case "config", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
			return true
		}
	}
	return false
}

// configure sets what the command line leaves open, before c runs.
func (a *app) configure(c *cobra.Command) error {
	var open []config.Setting
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if s, ok := a.declared[f.Value]; ok {
			open = append(open, s)
		}
	})
	from, faults := config.Apply(open, c.Flags().Changed, os.Getenv, a.config.file)
	a.from = from
	a.config.faults = append(a.config.faults, faults...)
	if a.keyring == "" {
		a.keyring = defaultKeyring()
	}
	if a.config.sound() || aboutSettings(c) || c.Name() == "doctor" { // which tells of it
		return nil
	}
	return &settingsError{a.config}
}

// sound reports whether nothing is wrong with the settings.
func (s settingsFile) sound() bool { return s.err == nil && len(s.faults) == 0 }

// settingsError says that the settings are refused.
type settingsError struct{ of settingsFile }

// Error names the file.
func (e *settingsError) Error() string { return "zonebox: settings of " + e.of.path }

// told returns each fault as a line.
func (a *app) told(s settingsFile) (out []string) {
	if s.err != nil {
		return []string{s.path + ": " + a.say("无法读取", "cannot be read")}
	}
	config.Sort(s.faults)
	for _, f := range s.faults {
		at := s.path
		switch {
		case f.Variable != "":
			at = f.Variable
		case f.Line > 0:
			at = fmt.Sprintf("%s:%d", s.path, f.Line)
		}
		key := ""
		if f.Key != "" && f.Variable == "" {
			key = f.Key + " "
		}
		out = append(out, printable(fmt.Sprintf("%s: %s%s", at, key, a.say(f.ZH, f.EN))))
	}
	return out
}

func (a *app) settingsProblem(e *settingsError) *api.Problem {
	p := &api.Problem{Code: "CONFIG_REFUSED", Class: string(query.ClassUsage), Detail: a.say("设置有误,未予采用", "the settings are refused"),
		Hint: a.say("按所指各处改正;zonebox config check 逐条核对,config example 列出全部键", "mend each; zonebox config check looks again, config example lists every key"), Articles: []string{"NJ24-22"}}
	for _, line := range a.told(e.of) {
		p.Reasons = append(p.Reasons, api.Reason{Code: "CONFIG", Detail: line})
	}
	return p
}

func (a *app) configCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: a.say("核对与查看设置", "check and show settings"),
		Long: a.say(`每项设置只有一个名称:命令行的 --名称、设置文件的键、环境变量 ZONEBOX_名称。
命令行优先于环境变量,环境变量优先于文件。网关 (serve、init、doctor) 的文件是
/etc/zonebox/zonebox.yaml,其余命令的是用户配置目录下的 zonebox/config.yaml;--config 另指。

`, `A setting has one name: --NAME on the command line, a key of the file of settings, and
ZONEBOX_NAME in the environment. The command line goes before the environment, and that
before the file. The gate's file (serve, init, doctor) is /etc/zonebox/zonebox.yaml, that
of other verbs zonebox/config.yaml in the user's configuration; --config names another.

`),
	}
	c.AddCommand(a.configCheckCmd(), a.configShowCmd(), a.configExampleCmd())
	return c
}

func (a *app) clientFlag(c *cobra.Command, client *bool) {
	c.Flags().BoolVar(client, "client", false, a.say("客户端的设置,而非网关的", "the settings of a client, not of the gate"))
}

func (a *app) configCheckCmd() *cobra.Command {
	var client bool
	var output string
	c := &cobra.Command{
		Use:     "check [FILE]",
		Short:   a.say("核对设置文件,一次列出全部错误及行号", "check a file of settings: every fault at once, with its line"),
		Example: "  zonebox config check\n  zonebox config check /etc/zonebox/zonebox.yaml\n  zonebox config check --client -o json",
		Args:    nArgs(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := cmp.Or(a.configPath, os.Getenv("ZONEBOX_CONFIG"))
			if len(args) > 0 {
				path = args[0]
			}
			s := a.readFile(path, client)
			_, faults := config.Apply(a.known(client), func(string) bool { return false }, func(string) string { return "" }, s.file)
			s.faults = append(s.faults, faults...)
			if output == "json" {
				if err := a.printJSON(struct {
					File   string   `json:"file"`
					Found  bool     `json:"found"`
					Sound  bool     `json:"sound"`
					Faults []string `json:"faults"`
				}{s.path, s.file != nil, s.sound(), append([]string{}, a.told(s)...)}); err != nil {
					return err
				}
			}
			switch {
			case !s.sound():
				return &settingsError{s}
			case output == "json":
			case s.file == nil:
				fmt.Fprintf(a.stdout, a.say("%s 不存在,一切按缺省\n", "there is no %s; all is by default\n"), printable(s.path))
			default:
				fmt.Fprintf(a.stdout, a.say("%s 无误\n", "%s is sound\n"), printable(s.path))
			}
			return nil
		},
	}
	a.clientFlag(c, &client)
	c.Flags().StringVarP(&output, "output", "o", "text", "text|json")
	return c
}

func (a *app) configShowCmd() *cobra.Command {
	var client, effective bool
	var output string
	c := &cobra.Command{
		Use:     "show",
		Short:   a.say("显示各项设置的值与来处", "show what is set, and where each value comes from"),
		Example: "  zonebox config show\n  zonebox config show --effective -o json\n  zonebox config show --client --effective",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			type row struct {
				Name  string `json:"name"`
				Value string `json:"value"`
				From  string `json:"from"` // default, environment, command line, or FILE:LINE
			}
			settings := a.known(client)
			s := a.readFile(cmp.Or(a.configPath, os.Getenv("ZONEBOX_CONFIG")), client)
			from, faults := config.Apply(settings, c.Flags().Changed, os.Getenv, s.file)
			if s.faults = append(s.faults, faults...); !s.sound() {
				return &settingsError{s}
			}
			rows := []row{}
			for _, one := range settings {
				r := row{one.Name, printable(config.Shown(one.Value)), a.say("缺省", "default")}
				switch from[one.Name] {
				case config.Default:
					if !effective {
						continue
					}
				case config.InFile:
					r.From = fmt.Sprintf("%s:%d", s.path, s.file.Line(one.Name))
				case config.InEnvironment:
					r.From = one.Variable()
				case config.OnCommandLine:
					r.From = "--" + one.Name
				}
				rows = append(rows, r)
			}
			if output == "json" {
				return a.printJSON(rows)
			}
			t := newTable(a.say("设置", "setting"), a.say("值", "value"), a.say("来处", "from"))
			for _, r := range rows {
				t.AppendRow([]any{r.Name, cmp.Or(r.Value, "—"), r.From})
			}
			fmt.Fprintln(a.stdout, t.Render())
			return nil
		},
	}
	a.clientFlag(c, &client)
	c.Flags().BoolVar(&effective, "effective", false, a.say("连同缺省值", "what is by default too"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) configExampleCmd() *cobra.Command {
	var client bool
	c := &cobra.Command{
		Use:     "example",
		Short:   a.say("打印列有全部设置及其缺省值的文件", "print a file with every setting at its default"),
		Example: "  zonebox config example > /etc/zonebox/zonebox.yaml\n  zonebox config example --client > ~/.config/zonebox/config.yaml",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprint(a.stdout, example(client))
			return nil
		},
	}
	a.clientFlag(c, &client)
	return c
}

// example is a file with every setting of the gate, or of a client, in both languages.
func example(client bool) string {
	head := "# 域盒网关的设置:去掉 # 即生效。命令行优先,其次环境变量,再次本文件。\n# Settings of a zonebox gate: take the # away to set one. The command line goes before the\n# environment, and that before this file. `zonebox config check` looks it through.\n"
	if client {
		head = "# 域盒客户端的设置:去掉 # 即生效。命令行优先,其次环境变量,再次本文件。\n# Settings of a zonebox client: take the # away to set one. The command line goes before the\n# environment, and that before this file. `zonebox config check --client` looks it through.\n"
	}
	return head + config.Example((&app{lang: "zh"}).known(client))
}
