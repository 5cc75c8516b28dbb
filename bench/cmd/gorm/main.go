// Command gorm is the contender of package echogorm.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers/echogorm"
)

func main() {
	os.Exit(gauge.Main(context.Background(), os.Args[1:], echogorm.Serve, os.Stdin, os.Stdout, os.Stderr))
}
