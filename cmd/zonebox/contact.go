package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/query"
)

func (a *app) contactCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "contact",
		Short: a.say("人员联系方式:加密保存,列表中脱敏显示", "how people are reached: kept encrypted, masked in lists"),
	}
	c.AddCommand(a.contactSetCmd(), a.contactListCmd(), a.contactShowCmd())
	return c
}

func (a *app) contactSetCmd() *cobra.Command {
	var file, output string
	c := &cobra.Command{
		Use:   "set [PERSON] -f FILE",
		Short: a.say("登记本人(市数据主管部门可为任何人)的联系方式,取代原有的", "say how you are reached, or as the city authority how anybody is, in place of what was said before"),
		Long: a.say("文件含 phone(加引号)与 email,两者均空则删除;号码不在命令行中书写。",
			"The file holds phone (in quotes) and email; with neither, what was kept is removed. Numbers are not written on the command line."),
		Example: "  zonebox contact set --as li.op -f contact.yaml",
		Args:    nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			text, err := readFile(file, a.stdin)
			if err != nil {
				return err
			}
			var given struct {
				Phone string `json:"phone"`
				Email string `json:"email"`
			}
			if yaml.UnmarshalStrict(text, &given) != nil { // whose error may hold what was written
				return usageError{fmt.Errorf("%s", a.say("文件须只含 phone 与 email(号码加引号)", "the file must hold phone and email only, the number in quotes"))}
			}
			o := query.ContactOrder{Phone: given.Phone, Email: given.Email}
			if len(args) == 1 {
				o.Person = args[0]
			}
			v, err := client.SetContact(c.Context(), o)
			if err != nil {
				return err
			}
			return a.printContacts([]query.ContactView{*v}, output)
		},
	}
	fileFlag(a, c, &file)
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) contactListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "list",
		Short:   a.say("您可见人员的联系方式,脱敏显示", "how the people are reached whom you may see, masked"),
		Example: "  zonebox contact list --as zhao.city",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Contacts(c.Context())
			if err != nil {
				return err
			}
			return a.printContacts(all, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) contactShowCmd() *cobra.Command {
	var q query.ContactRequest
	var output string
	c := &cobra.Command{
		Use:   "show [PERSON]",
		Short: a.say("显示完整联系方式:限本人与说明理由的市数据主管部门,记入日志", "show a contact as it is: to the person, and to the city authority for a reason; it is logged"),
		Example: `  zonebox contact show --as li.op
  zonebox contact show li.op --reason 通知整改 --as zhao.city`,
		Args: nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				q.Person = args[0]
			}
			v, err := client.ShowContact(c.Context(), q)
			if err != nil {
				return err
			}
			return a.printContacts([]query.ContactView{*v}, output)
		},
	}
	c.Flags().StringVar(&q.Reason, "reason", "", a.say("理由,记入日志;查看本人的无须", "why, which the log keeps; not needed for your own"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printContacts(all []query.ContactView, output string) error {
	if output == "json" {
		return a.printJSON(all)
	}
	t := newTable(a.say("人员", "person"), a.say("姓名", "name"), a.say("机构", "organization"), a.say("电话", "phone"), a.say("邮箱", "email"))
	for _, v := range all {
		t.AppendRow([]any{v.Person, printable(v.RealName), v.Organization, printable(v.Phone), printable(v.Email)})
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}
