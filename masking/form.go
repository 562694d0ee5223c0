package masking

import "zonebox/masking/prf"

// LeastTokenBits is what a token that leaves must hold at least. Nobody without
// the key tells more from a short one, but two values may come to share it: n
// values do with a probability of about n²/2^(b+1), b bits given, which is 2^-25
// for a million and 2^-12 for a hundred million at 64. Half as many bits would
// merge two of every release of a hundred thousand.
const LeastTokenBits = 64

// tokenAlphabets are the letters that a token may leave in: hexadecimal digits in
// lower case, the 32 of Crockford without I, L, O and U, or decimal digits.
var tokenAlphabets = map[string]string{"hex": prf.Hex, "base32": prf.Crockford, "digits": prf.Digits}

// form returns how tokens of r are written when they leave. Inside the engine all
// have 32 hexadecimal digits, so that columns join whatever form they leave in.
func (r Recipe) form() (*prf.Rendering, error) {
	if r.Alphabet == "" && r.Length == 0 {
		return prf.NewRendering(prf.Hex, tokenLength)
	}
	return prf.NewRendering(tokenAlphabets[r.Alphabet], r.Length)
}

func tokenProblem(r Recipe) string {
	if r.Alphabet == "" && r.Length == 0 {
		return ""
	}
	if tokenAlphabets[r.Alphabet] == "" {
		return "alphabet must be one of hex base32 digits, with a length"
	}
	form, err := r.form()
	switch {
	case err != nil:
		return "length must be of a token in its alphabet"
	case form.Bits() < LeastTokenBits:
		return "length must hold 64 bits at least"
	}
	return ""
}
