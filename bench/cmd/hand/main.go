// Command hand is the contender of package hand.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/hand"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], hand.Serve, os.Stdin, os.Stdout, os.Stderr))
}
