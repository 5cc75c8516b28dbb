package modelcode_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/autogen/modelcode"
)

func ExampleWrite() {
	source, err := modelsOf(context.Background(), "CREATE TABLE songs (id integer PRIMARY KEY, title text NOT NULL)")
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(source) {
		if strings.Contains(line, "Title") {
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
	// Output: Title string `bun:"title,notnull"`
}

// modelsOf makes tables, and returns the source of their models.
func modelsOf(ctx context.Context, tables string) (source string, err error) {
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		return "", err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Connect(ctx); err != nil {
		return "", err
	}
	conn, err := db.DB().Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, tables); err != nil {
		return "", err
	}
	found, err := autogen.InspectTables(ctx, conn)
	if err != nil {
		return "", err
	}
	text, err := modelcode.Write(db.Engine(), found, "music")
	return string(text), err
}
