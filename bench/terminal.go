package main

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// throttle is how often a bar is drawn: often on a terminal, now and then where
// each drawing stays.
func throttle(out io.Writer) time.Duration {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return 100 * time.Millisecond
	}
	return 15 * time.Second
}
