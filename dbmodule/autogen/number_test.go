package autogen

import "testing"

func TestNumbersThatAreEqualAreSpelledAlike(t *testing.T) {
	t.Parallel()
	for want, texts := range map[string][]string{
		"0":                    {"0", "0.00", "+0", "-0", "-0.0", ".0", "0.", "000", "0e5", "0E-9"},
		"1.5":                  {"1.5", "1.50", "+1.5", "01.50", "15e-1", "0.15e1", "150E-2"},
		"0.5":                  {".5", "0.5", "+.5", "5e-1", "00.500"},
		"-0.5":                 {"-.5", "-0.50", "-5e-1"},
		"5":                    {"5", "+5", "5.", "5.0", "005"},
		"7":                    {"007", "7"},
		"1000":                 {"1e3", "1000", "1E+3", "1000.0", "0.1e4"},
		"0.0000001":            {"1e-7", "0.0000001", ".1e-6"},
		"100":                  {"100", "1e2", "1.00e2"},
		"120.05":               {"120.05", "120.050", "12005e-2"},
		"9223372036854775808":  {"9223372036854775808", "9223372036854775808.0"},
		"3.141592653589793238": {"3.141592653589793238", "3.1415926535897932380"},
		"1e308":                {"1e308", "10e307", "1.0E308"},
		"-25e-61":              {"-2.5e-60", "-25e-61"},
	} {
		for _, text := range texts {
			if !reNumber.MatchString(text) {
				t.Errorf("%s is no number", text)
			}
			if got := canonicalNumber(text); got != want {
				t.Errorf("%s is %s, want %s", text, got, want)
			}
			if tidy := tidyNumber(text); canonicalNumber(tidy) != want {
				t.Errorf("%s is tidied to %s", text, tidy)
			}
		}
	}
	for text, want := range map[string]string{"+5": "5", "007": "7", ".50": "0.50", "5.": "5", "0.00": "0.00", "-.5": "-0.5", "1E+3": "1e3", "-0": "-0"} {
		if got := tidyNumber(text); got != want {
			t.Errorf("%s is tidied to %s, want %s", text, got, want)
		}
	}
}
