// Command server-hand is the server's routes by hand, of package own.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/own"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], own.ServeHand, os.Stdin, os.Stdout, os.Stderr))
}
