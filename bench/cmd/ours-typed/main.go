// Command ours-typed is the contender of package ours.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/ours"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], ours.ServeTyped, os.Stdin, os.Stdout, os.Stderr))
}
