package ast

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// integers are the integer types of literals with their bounds.
var integers = map[string]struct{ least, most *big.Int }{
	"INTEGER":  bounds(31, true),
	"BIGINT":   bounds(63, true),
	"HUGEINT":  bounds(127, true),
	"UHUGEINT": bounds(128, false),
}

func bounds(bits uint, signed bool) struct{ least, most *big.Int } {
	edge := new(big.Int).Lsh(big.NewInt(1), bits)
	least := new(big.Int)
	if signed {
		least.Neg(edge)
	}
	return struct{ least, most *big.Int }{least, edge.Sub(edge, big.NewInt(1))}
}

// simpleTypes are the types of casts that have no parameters.
var simpleTypes = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
	"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE",
	"VARCHAR", "BLOB", "BIT", "UUID", "DATE", "TIME", "INTERVAL",
	"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
	"TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE",
}

// logicalType decodes a LogicalType: an identifier and, for DECIMAL, its width
// and scale.
func (d *decoder) logicalType(v any) Type {
	r := d.record("TYPE", v)
	t := Type{ID: r.text("id")}
	if t.ID != "DECIMAL" {
		if info := r.take("type_info"); info != nil {
			r.fail("id=" + word(t.ID))
		}
		r.done()
		return t
	}
	i := d.record("TYPE", r.take("type_info"))
	oneOf(i, "type", "DECIMAL_TYPE_INFO")
	i.must("alias", i.text("alias") == "")
	i.null("extension_info")
	t.Width, t.Scale = i.small("width", 38), i.small("scale", 38)
	i.must("width", t.Width >= 1 && t.Width >= t.Scale)
	i.done()
	r.done()
	return t
}

func (d *decoder) castType(v any) Type {
	t := d.logicalType(v)
	if t.ID != "DECIMAL" && !slices.Contains(simpleTypes, t.ID) {
		d.record("TYPE", v).fail("id=" + word(t.ID))
	}
	return t
}

func (d *decoder) constant(m Meta, r *record) *Constant {
	v := d.record("CONSTANT", r.take("value"))
	c := &Constant{Meta: m, Type: d.logicalType(v.take("type")), Null: v.flag("is_null")}
	v.must("is_null", c.Null == (c.Type.ID == "NULL"))
	if c.Null {
		if len(v.left) > 0 {
			v.fail("value")
		}
		return c
	}
	switch c.Type.ID {
	case "VARCHAR":
		c.Text = v.text("value")
	case "INTEGER", "BIGINT", "HUGEINT", "UHUGEINT":
		n := d.bigInt(v)
		limit := integers[c.Type.ID]
		v.must("value", n.Cmp(limit.least) >= 0 && n.Cmp(limit.most) <= 0)
		c.Text = n.String()
	case "DECIMAL":
		text, ok := point(d.bigInt(v), c.Type)
		v.must("value", ok)
		c.Text = text
	case "DOUBLE":
		n, ok := v.take("value").(json.Number)
		v.must("value", ok && len(n) <= maxDigits)
		c.Text = n.String()
	default:
		v.fail("type=" + word(c.Type.ID))
	}
	if len(v.left) > 0 {
		v.fail("value")
	}
	return c
}

// bigInt takes an integer value: a number, or two halves for 128 bits.
func (d *decoder) bigInt(v *record) *big.Int {
	halves, ok := v.left["value"].(*object)
	if !ok {
		n, ok := new(big.Int).SetString(v.integer("value").String(), 10)
		v.must("value", ok)
		return n
	}
	delete(v.left, "value")
	h := d.record("CONSTANT", halves)
	upper, upperOK := new(big.Int).SetString(h.integer("upper").String(), 10)
	lower, lowerOK := new(big.Int).SetString(h.integer("lower").String(), 10)
	h.must("upper", upperOK && upper.BitLen() <= 64)
	h.must("lower", lowerOK && lower.Sign() >= 0 && lower.BitLen() <= 64)
	h.done()
	return upper.Add(upper.Lsh(upper, 64), lower)
}

// point writes n / 10^Scale with Width digits in all, the form in which the
// parser gives the literal the same Width again. ok is false if n has more
// digits than that.
func point(n *big.Int, t Type) (text string, ok bool) {
	digits := new(big.Int).Abs(n).String()
	missing := t.Width - len(digits)
	if missing < 0 {
		return "", false
	}
	digits = strings.Repeat("0", missing) + digits
	cut := t.Width - t.Scale
	text = digits[:cut] + "." + digits[cut:]
	if n.Sign() < 0 {
		text = "-" + text
	}
	return text, true
}

// isTruth reports whether the comparison c with right comes from
// IS [NOT] TRUE or IS [NOT] FALSE: the only source of BOOLEAN constants.
func isTruth(c *Comparison, right any) bool {
	if !c.truthShape() {
		return false
	}
	o, ok := right.(*object)
	if !ok {
		return false
	}
	class, _ := o.get("class")
	value, _ := o.get("value")
	if class != "CONSTANT" {
		return false
	}
	if o, ok = value.(*object); !ok {
		return false
	}
	typ, _ := o.get("type")
	if o, ok = typ.(*object); !ok {
		return false
	}
	id, _ := o.get("id")
	return id == "BOOLEAN"
}

func (c *Comparison) truthShape() bool {
	left, ok := c.Left.(*Cast)
	return ok && !left.Try && left.Type.ID == "BOOLEAN" &&
		(c.Op == CompareDistinctFrom || c.Op == CompareNotDistinctFrom)
}

// truth decodes the BOOLEAN constant of a comparison for which isTruth holds.
func (d *decoder) truth(right any) Expr {
	d.enter()
	defer d.leave()
	r := d.record("CONSTANT", right)
	oneOf(r, "class", "CONSTANT")
	oneOf(r, "type", "VALUE_CONSTANT")
	r.must("alias", r.text("alias") == "")
	c := &Constant{Meta: Meta{Location: r.location()}}
	v := d.record("CONSTANT", r.take("value"))
	c.Type = d.logicalType(v.take("type"))
	v.must("is_null", !v.flag("is_null"))
	if v.flag("value") {
		c.Text = "true"
	} else {
		c.Text = "false"
	}
	v.done()
	r.done()
	return c
}
