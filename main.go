// Command openhands-server is a durable store of agent conversations and
// events that speaks OpenHands' HTTP routes. Package app has its commands.
package main

import (
	"context"
	"os"

	"github.com/openhands-go/server/app"
)

func main() {
	os.Exit(app.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
