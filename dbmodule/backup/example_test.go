package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
)

// backUpAndRestore makes a database, copies it while it is open, loses a row,
// and brings it back.
func backUpAndRestore(ctx context.Context, folder string) (err error) {
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.SQLiteURL(filepath.Join(folder, "books.db"), false); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range []string{"CREATE TABLE books (title TEXT)", "INSERT INTO books VALUES ('Emma')"} {
		if _, err := db.DB().ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	report, err := backup.Create(ctx, db, filepath.Join(folder, "backup.db"), backup.Options{})
	if err != nil {
		return err
	}
	fmt.Println(report.Tables[0].Name, report.Tables[0].Rows)

	if _, err := db.DB().ExecContext(ctx, "DELETE FROM books"); err != nil {
		return err
	}
	_, err = backup.Prepare(ctx, report.Path, db, backup.Options{})
	fmt.Println("in use:", errors.Is(err, backup.ErrInUse))
	if err := db.Close(); err != nil {
		return err
	}
	r, err := backup.Prepare(ctx, report.Path, db, backup.Options{})
	if err != nil {
		return err
	}
	done, err := r.Install(ctx)
	fmt.Println("kept:", done.Kept != "")
	return err
}

func Example() {
	folder, err := os.MkdirTemp("", "books")
	if err == nil {
		err = backUpAndRestore(context.Background(), folder)
	}
	fmt.Println(errors.Join(err, os.RemoveAll(folder)))
	// Output:
	// books 1
	// in use: true
	// kept: true
	// <nil>
}
