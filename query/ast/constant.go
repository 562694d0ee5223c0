package ast

import (
	"encoding/json"
	"math/big"
	"strings"
)

// integers are the integer types with their bounds.
var integers = map[string]interval{
	"TINYINT":   signed(8),
	"SMALLINT":  signed(16),
	"INTEGER":   signed(32),
	"BIGINT":    signed(64),
	"HUGEINT":   signed(128),
	"UTINYINT":  unsigned(8),
	"USMALLINT": unsigned(16),
	"UINTEGER":  unsigned(32),
	"UBIGINT":   unsigned(64),
	"UHUGEINT":  unsigned(128),
}

type interval struct{ least, most *big.Int }

func signed(bits uint) interval {
	edge := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return interval{new(big.Int).Neg(edge), edge.Sub(edge, big.NewInt(1))}
}

func unsigned(bits uint) interval {
	edge := new(big.Int).Lsh(big.NewInt(1), bits)
	return interval{new(big.Int), edge.Sub(edge, big.NewInt(1))}
}

func (i interval) holds(n *big.Int) bool { return n.Cmp(i.least) >= 0 && n.Cmp(i.most) <= 0 }

// integerType returns the type the parser gives an integer: the smallest of four
// that holds it, but that a sign is put on the digits of a BIGINT.
func integerType(n *big.Int) string {
	if new(big.Int).Abs(n).Cmp(integers["INTEGER"].most) <= 0 {
		return "INTEGER"
	}
	for _, id := range []string{"BIGINT", "HUGEINT", "UHUGEINT"} {
		if integers[id].holds(n) {
			return id
		}
	}
	return ""
}

func (d *decoder) constant(m Meta, r *record) *Constant {
	c := d.value(r.take("value"))
	r.must("value", c.written())
	c.Meta = m
	return c
}

// value decodes a Value of one of the types literals have.
func (d *decoder) value(v any) *Constant {
	r := d.record("CONSTANT", v)
	c := &Constant{Meta: Meta{Location: NoLocation}, Type: d.logicalType(r.take("type")), Null: r.flag("is_null")}
	r.must("is_null", c.Null == (c.Type.ID == "NULL"))
	if !c.Null {
		c.Text = d.literal(c.Type, r)
	}
	r.done()
	return c
}

// literal takes the value of a type that literals have.
func (d *decoder) literal(t Type, r *record) string {
	switch t.ID {
	case "VARCHAR":
		return r.text("value")
	case "INTEGER", "BIGINT", "HUGEINT", "UHUGEINT":
		n := d.bigInt(r)
		r.must("value", integers[t.ID].holds(n))
		return n.String()
	case "DECIMAL":
		text, ok := point(d.bigInt(r), t)
		r.must("value", ok)
		return text
	case "DOUBLE":
		n, ok := r.take("value").(json.Number)
		r.must("value", ok && len(n) <= maxDigits)
		return n.String()
	}
	r.fail("type=" + word(t.ID))
	return ""
}

// written reports whether the parser gives the literal that Print writes for c
// the type of c.
func (c *Constant) written() bool {
	if _, ok := integers[c.Type.ID]; !ok || c.Null {
		return true
	}
	n, ok := new(big.Int).SetString(c.Text, 10)
	return ok && integerType(n) == c.Type.ID
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
