package httpstatus_test

import (
	"fmt"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule/httpstatus"
)

func ExampleNewWatcher() {
	watcher := httpstatus.NewWatcher()
	cfg := dbmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		fmt.Println(err)
		return
	}
	// The watcher sees the database's statements; Serve makes the page of them.
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithObserver(watcher))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(db.Close())
	// Output: <nil>
}
