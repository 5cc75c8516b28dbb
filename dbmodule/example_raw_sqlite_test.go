package dbmodule_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule"
)

// serializer is what is wanted of modernc's connection, whose type has no name outside of
// its package.
type serializer interface{ Serialize() ([]byte, error) }

// serialized is a copy of the whole database as it would be in a file.
func serialized(ctx context.Context, db *dbmodule.Database) (file []byte, err error) {
	s := db.Sessions().New(dbmodule.Autocommit())
	err = dbmodule.Raw(ctx, s, func(_ context.Context, conn serializer) (err error) {
		file, err = conn.Serialize()
		return err
	})
	return file, errors.Join(err, s.Close())
}

func ExampleRaw_sqlite() {
	ctx := context.Background()
	db, err := openSongs(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }() // nothing in memory is worth an error
	file, err := serialized(ctx, db)
	fmt.Printf("%.13s %v", file, err)
	// Output: SQLite format <nil>
}
