// Command ours-compiled is the contender of package ours with compiled queries.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/ours"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], ours.ServeCompiled, os.Stdin, os.Stdout, os.Stderr))
}
