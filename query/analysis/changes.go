package analysis

import (
	"slices"
	"strconv"
	"strings"

	"zonebox/query/ast"
)

// Change is something the rewrite does to a statement, and why.
type Change struct {
	Code   string
	ZH, EN string
	Start  int // byte span in the statement of what was changed; both -1 if it has no place
	End    int
}

// Codes of changes. They are stable.
const (
	ChangeNames    = "NAMES_IN_FULL"
	ChangeStar     = "STAR_EXPANDED"
	ChangeCommon   = "COMMON_TABLES_INLINED"
	ChangeUsing    = "USING_WRITTEN_OUT"
	ChangeDistinct = "DISTINCT_AS_GROUPS"
	ChangeGroup    = "MINIMUM_GROUP"
	ChangeCell     = "MINIMUM_CELL"
	ChangeCast     = "CAST_TRIED"
	ChangeCall     = "CALL_TRIED"
	ChangeTypes    = "TYPES_ALIGNED"
	ChangeLimit    = "LIMIT_BY_GATE"
	ChangeSorted   = "RECORDS_SORTED"
	ChangeNothing  = "AS_WRITTEN"
)

// changeTexts say what was changed and why, %s being what it is about.
var changeTexts = map[string][2]string{
	ChangeNames:    {"表与列一律写全:引擎没有可自行解析的名称", "tables and columns are named in full: the engine has no name left to resolve"},
	ChangeStar:     {"* 展开为已获授权的列:未授权的列不进入引擎", "* became the granted columns: what is not granted does not enter the engine"},
	ChangeCommon:   {"公共表表达式就地展开:每次使用各自计算最小分组", "common tables were written out where they are used: each use keeps its own minimum group"},
	ChangeUsing:    {"USING 与 NATURAL 改写为 ON:连接列由分析确定", "USING and NATURAL became ON: the joined columns are those that were judged"},
	ChangeDistinct: {"DISTINCT 改写为 GROUP BY:每个不同的行须有足够的主体", "DISTINCT became GROUP BY: every distinct row needs enough entities behind it"},
	ChangeGroup:    {"每组须有 %s:不足的组不输出", "every group needs %s: a group with fewer does not leave"},
	ChangeCell:     {"参与计算的值须来自 %s:不足时该单元格为空", "the values behind a cell must come from %s: with fewer the cell is empty"},
	ChangeCast:     {"CAST 改为 TRY_CAST:报错会泄露某一行的值,转换失败时为空", "CAST became TRY_CAST: an error would tell of a row's value, so what does not convert is null"},
	ChangeCall:     {"%s 出错时为空:报错会泄露某一行的值", "%s is null where it would raise: an error would tell of a row's value"},
	ChangeTypes:    {"类型不一的值先行转换,失败为空:引擎自行转换会报错", "values of different types are converted first, to null where that fails: the engine's own conversion would raise"},
	ChangeLimit:    {"LIMIT 与 OFFSET 由网关在放行规则之后执行:否则会显出被扣下的行", "the gate applies LIMIT and OFFSET after the release rules: else they would show which rows were withheld"},
	ChangeSorted:   {"逐条结果按放行的值排序:存储顺序可作为连接键", "records leave sorted by their released values: the order of storage would be a join key"},
	ChangeNothing:  {"按原文执行:不涉及受保护的数据", "it runs as written: no protected data are read"},
}

// Changes lists what the rewrite of s does to tree, the parse tree of sql, in the
// order in which a person would look for it.
func Changes(sql string, tree ast.Query, s *Statement) []Change {
	if ast.Equal(tree, s.Tree) && s.Limit == nil && s.Offset == nil {
		return []Change{change(ChangeNothing, "", "")}
	}
	c := &changes{sql: sql}
	c.shape(tree, s)
	c.minimum(s)
	if s.Protected {
		c.tried(tree, s)
	}
	if s.Limit != nil || s.Offset != nil {
		c.add(ChangeLimit, "", "")
	}
	if s.RecordLevel {
		c.add(ChangeSorted, "", "")
	}
	return c.list
}

type changes struct {
	sql  string
	list []Change
}

func change(code, zh, en string) Change {
	t := changeTexts[code]
	return Change{Code: code, ZH: fill(t[0], zh), EN: fill(t[1], en), Start: -1, End: -1}
}

func (c *changes) add(code, zh, en string) { c.list = append(c.list, change(code, zh, en)) }

// at is add for a node of the statement.
func (c *changes) at(code string, n ast.Node) {
	x := change(code, "", "")
	if start, end, ok := ast.Span(c.sql, n); ok {
		x.Start, x.End = start, end
	}
	c.list = append(c.list, x)
}

// shape tells what became of names, stars, common tables, joins and DISTINCT.
func (c *changes) shape(tree ast.Query, s *Statement) {
	var star, common, using, distinct ast.Node
	first := func(at *ast.Node, n ast.Node) {
		if *at == nil {
			*at = n
		}
	}
	ast.Walk(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Star:
			first(&star, n)
		case *ast.Select:
			if n.Distinct && s.Protected {
				first(&distinct, n)
			}
		case *ast.Join:
			if len(n.Using) > 0 || n.Form == ast.NaturalJoin {
				first(&using, n)
			}
		}
		for _, w := range withOf(n) {
			first(&common, w.Query)
		}
		return true
	})
	c.add(ChangeNames, "", "")
	for _, f := range []struct {
		code string
		n    ast.Node
	}{{ChangeStar, star}, {ChangeCommon, common}, {ChangeUsing, using}} {
		if f.n != nil {
			c.add(f.code, "", "")
		}
	}
	if distinct != nil && !s.RecordLevel {
		c.add(ChangeDistinct, "", "")
	}
}

// minimum tells of the entities that groups and cells need, per reference.
func (c *changes) minimum(s *Statement) {
	for _, r := range s.References {
		if !r.Held {
			continue
		}
		name := r.Table
		if fold(r.Alias) != fold(r.Table) {
			name += " " + r.Alias
		}
		k := strconv.Itoa(r.K)
		c.add(ChangeGroup, name+" 的至少 "+k+" 个主体", "at least "+k+" entities of "+name)
	}
	k := 0
	for _, h := range s.Hidden {
		if h.Kind == "cell" {
			k = max(k, h.K)
		}
	}
	if k > 0 {
		c.add(ChangeCell, "至少 "+strconv.Itoa(k)+" 个主体", "at least "+strconv.Itoa(k)+" entities")
	}
}

// tried tells what is null instead of an error.
func (c *changes) tried(tree ast.Query, s *Statement) {
	written := 0
	ast.Walk(tree, func(n ast.Node) bool {
		if e, ok := n.(*ast.Cast); ok {
			_, constant := e.Expr.(*ast.Constant)
			if written++; !e.Try && !constant {
				c.at(ChangeCast, e)
			}
		}
		return true
	})
	made := 0
	var calls []string
	ast.Walk(s.Tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Cast:
			if n.Try {
				made++
			}
		case *ast.Operator:
			if n.Kind == ast.Try && len(n.Args) == 1 {
				if f, ok := n.Args[0].(*ast.Function); ok && !slices.Contains(calls, f.Name) {
					calls = append(calls, f.Name)
				}
			}
		}
		return true
	})
	if len(calls) > 0 {
		c.add(ChangeCall, strings.Join(calls, "、"), strings.Join(calls, ", "))
	}
	if made > written {
		c.add(ChangeTypes, "", "")
	}
}
