package worker

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// assign gives the parameters of stmt their values. There must be one for each
// parameter and none beside. The statement casts each parameter to its type
// where it stands; if the engine has found another, and not several, that is
// refused.
func assign(stmt duckdb.PreparedStatement, values []wire.Parameter) error {
	if wire.CheckParameters(values) != nil || int(duckdb.NParams(stmt)) != len(values) {
		return faulted("parameter")
	}
	for _, v := range values { // all types before any value, which would be a type too
		var at duckdb.IdxT
		if duckdb.BindParameterIndex(stmt, &at, v.Name) != duckdb.StateSuccess {
			return faulted("parameter")
		}
		// Invalid is what one becomes whose cast is converted further: with the
		// values at hand the engine binds again, and reads them as constants.
		if t := duckdb.ParamType(stmt, at); t != duckdb.TypeInvalid && t != parameterType(v.Type) {
			return faulted("parameter")
		}
	}
	for _, v := range values {
		var at duckdb.IdxT
		if duckdb.BindParameterIndex(stmt, &at, v.Name) != duckdb.StateSuccess || !bindText(stmt, at, v) {
			return faulted("parameter")
		}
	}
	return nil
}

func parameterType(name string) duckdb.Type {
	if _, _, ok := wire.Decimal(name); ok {
		return duckdb.TypeDecimal
	}
	return scalarTypes[name]
}

// bindText reports whether the text of v is a value of its type in just the form
// that the gate writes, and binds it.
func bindText(stmt duckdb.PreparedStatement, at duckdb.IdxT, v wire.Parameter) bool {
	state := duckdb.StateError
	switch v.Type {
	case "VARCHAR":
		state = duckdb.BindVarcharLength(stmt, at, v.Text, duckdb.IdxT(len(v.Text)))
	case "BOOLEAN":
		if v.Text == "true" || v.Text == "false" {
			state = duckdb.BindBoolean(stmt, at, v.Text == "true")
		}
	case "BIGINT":
		if n, err := strconv.ParseInt(v.Text, 10, 64); err == nil && strconv.FormatInt(n, 10) == v.Text {
			state = duckdb.BindInt64(stmt, at, n)
		}
	case "DOUBLE":
		f, err := strconv.ParseFloat(v.Text, 64)
		if err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && strconv.FormatFloat(f, 'g', -1, 64) == v.Text {
			state = duckdb.BindDouble(stmt, at, f)
		}
	case "DATE":
		if d, err := time.Parse(time.DateOnly, v.Text); err == nil && d.Year() >= 1 {
			state = duckdb.BindDate(stmt, at, duckdb.NewDate(int32(d.Unix()/86400)))
		}
	case "TIMESTAMP":
		if d, err := time.Parse("2006-01-02 15:04:05.999999", v.Text); err == nil && d.Year() >= 1 && d.Format("2006-01-02 15:04:05.999999") == v.Text {
			state = duckdb.BindTimestamp(stmt, at, duckdb.NewTimestamp(d.UnixMicro()))
		}
	default:
		precision, scale, ok := wire.Decimal(v.Type)
		n, exact := unscaled(v.Text, int(precision), int(scale))
		if ok && exact {
			state = duckdb.BindDecimal(stmt, at, duckdb.NewDecimal(uint8(precision), uint8(scale), hugeInt(n)))
		}
	}
	return state == duckdb.StateSuccess
}

// unscaled reads a decimal with scale digits after the point as the whole number
// of its last digits.
func unscaled(text string, precision, scale int) (*big.Int, bool) {
	whole, fraction, point := strings.Cut(text, ".")
	whole = strings.TrimPrefix(whole, "-")
	if whole == "" || whole[0] == '0' && whole != "0" || strings.Trim(whole+fraction, "0123456789") != "" || len(fraction) != scale || point != (scale > 0) {
		return nil, false
	}
	n, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok || len(n.String()) > precision {
		return nil, false
	}
	if strings.HasPrefix(text, "-") {
		n.Neg(n)
	}
	return n, true
}

// hugeInt returns n, of at most 38 digits, as the engine's 128-bit number.
func hugeInt(n *big.Int) duckdb.HugeInt {
	low := new(big.Int).And(n, new(big.Int).SetUint64(math.MaxUint64))
	return duckdb.NewHugeInt(low.Uint64(), new(big.Int).Rsh(n, 64).Int64())
}
