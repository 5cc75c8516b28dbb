// Command server is this server, of package own.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/own"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], own.Serve, os.Stdin, os.Stdout, os.Stderr))
}
