// Command bun is the contender of package echobun.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/echobun"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], echobun.Serve, os.Stdin, os.Stdout, os.Stderr))
}
