// Command hand-echo is the contender of package hand behind Echo.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/hand"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], hand.ServeEcho, os.Stdin, os.Stdout, os.Stderr))
}
