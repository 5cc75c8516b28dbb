package backup

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// open makes one connection to a file. options are the parameters of the DSN: a name, its value,
// the next name, and so on.
func open(ctx context.Context, path string, options ...string) (*sql.Conn, func() error, error) {
	query := url.Values{}
	for i := 0; i < len(options); i += 2 {
		query.Add(options[i], options[i+1])
	}
	db, err := sql.Open("sqlite", fileDSN(path)+"?"+query.Encode())
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(typed(err), db.Close())
	}
	return conn, func() error { return errors.Join(conn.Close(), db.Close()) }, nil
}

// fileDSN returns SQLite's URI of a file, without parameters, as the driver takes it.
func fileDSN(path string) string {
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()}).String()
}
