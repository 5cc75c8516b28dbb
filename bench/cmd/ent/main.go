// Command ent is the contender of package echoent.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/echoent"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], echoent.Serve, os.Stdin, os.Stdout, os.Stderr))
}
