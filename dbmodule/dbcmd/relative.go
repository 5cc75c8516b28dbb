package dbcmd

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// relativeTarget accepts "-1" as an argument of a command, although it looks like a
// flag. Each digit is a hidden flag, and the digits in their order are the number.
type relativeTarget struct{ digits strings.Builder }

// acceptRelative adds the flags of the ten digits to a command, and returns the target that they
// write to.
func acceptRelative(cmd *cobra.Command) *relativeTarget {
	t := &relativeTarget{}
	for digit := range 10 {
		text := strconv.Itoa(digit)
		flag := cmd.Flags().VarPF(digitValue{t, text}, "relative-"+text, text, "")
		flag.NoOptDefVal = text
		flag.Hidden = true
	}
	return t
}

// among returns the arguments, followed by the relative target if the command line has one.
func (t *relativeTarget) among(args []string) []string {
	if t.digits.Len() == 0 {
		return args
	}
	return append(append([]string(nil), args...), "-"+t.digits.String())
}

// digitValue is the flag of one digit.
type digitValue struct {
	target *relativeTarget
	digit  string
}

// Set adds the digit to the number.
func (v digitValue) Set(string) error {
	v.target.digits.WriteString(v.digit)
	return nil
}

// String returns nothing: help shows no default.
func (digitValue) String() string { return "" }

// Type names the kind of value.
func (digitValue) Type() string { return "digit" }
