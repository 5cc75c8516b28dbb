package autogen

import (
	"strconv"
	"strings"
)

// longestPlain is how many digits a number may have before its canonical form
// has an exponent.
const longestPlain = 40

// canonicalNumber returns the same text for equal numbers: 0.00 and -0 are 0, 1.50 is
// 1.5, .5 is 0.5, 1e3 is 1000. reNumber must match the text.
func canonicalNumber(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign = "-"
	}
	mantissa, exponentText, hasExponent := strings.Cut(strings.ToLower(strings.TrimLeft(text, "+-")), "e")
	exponent := 0
	if hasExponent {
		var err error
		if exponent, err = strconv.Atoi(exponentText); err != nil {
			return text // no column of any engine holds it
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	if digits == "" {
		return "0"
	}
	short := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(short)
	switch point := len(short) + exponent; {
	case exponent >= 0 && point <= longestPlain:
		return sign + short + strings.Repeat("0", exponent)
	case exponent < 0 && point > 0:
		return sign + short[:point] + "." + short[point:]
	case exponent < 0 && -exponent <= longestPlain:
		return sign + "0." + strings.Repeat("0", -point) + short
	}
	return sign + short + "e" + strconv.Itoa(exponent)
}

// tidyNumber removes what only some engines read: a plus, leading zeros, and a point
// without digits on both sides. Digits after the point stay, since a type without a
// scale shows them.
func tidyNumber(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign = "-"
	}
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(strings.TrimLeft(text, "+-")), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	tidy := strings.TrimLeft(whole, "0")
	if tidy == "" {
		tidy = "0"
	}
	if fraction != "" {
		tidy += "." + fraction
	}
	if hasExponent {
		tidy += "e" + strings.TrimPrefix(exponent, "+")
	}
	return sign + tidy
}
