package dbtest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A benchmark or another program that is no test starts a server of its own.
func ExampleNewServer() {
	server, err := dbtest.NewServer(context.Background(), dbmodule.PostgreSQL)
	if errors.Is(err, dbtest.ErrNotInstalled) {
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := server.Stop(); err != nil {
		fmt.Println(err)
	}
	// Output:
}
