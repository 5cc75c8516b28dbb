// Command ours-autocommit is the contender of package ours without transactions.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/ours"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], ours.ServeAutocommit, os.Stdin, os.Stdout, os.Stderr))
}
