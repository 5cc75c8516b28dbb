package dbmodule_test

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/openhands-go/server/dbmodule"
)

// addAccounts inserts rows, and returns the identifiers that the server gave them, of
// which database/sql has a place for one.
func addAccounts(ctx context.Context, s *dbmodule.Session, inserts string) ([]int64, error) {
	var ids []int64
	err := dbmodule.Raw(ctx, s, func(ctx context.Context, conn driver.ExecerContext) error {
		result, err := conn.ExecContext(ctx, inserts, nil)
		if err != nil {
			return err
		}
		detailed, ok := result.(mysql.Result)
		if !ok {
			return fmt.Errorf("%T is no result of go-sql-driver", result)
		}
		ids = detailed.AllLastInsertIds()
		return nil
	})
	return ids, err
}

func ExampleRaw_mysql() {
	var db *dbmodule.Database // of MySQL or MariaDB
	err := db.Sessions().InTx(context.Background(), func(ctx context.Context, s *dbmodule.Session) error {
		ids, err := addAccounts(ctx, s, "INSERT INTO accounts (name, balance) VALUES ('ann', 10)")
		fmt.Println("added", ids)
		return err
	})
	fmt.Println(err)
}
