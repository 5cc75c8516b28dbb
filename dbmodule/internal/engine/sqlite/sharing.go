package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// CommitFails implements engine.Conn: SQLite counts the deferred foreign keys that are
// violated.
func (c *conn) CommitFails() error {
	status, ok := c.Driver().(sqlite.DBStatus)
	if !ok {
		return errors.New("dbmodule: look at deferred foreign keys: the driver does not tell")
	}
	violated, _, err := status.Status(sqlite.DBStatusDeferredFKs, false)
	if err == nil && violated != 0 {
		return violatedKeys{}
	}
	return err
}

// violatedKeys is the error that COMMIT returns for violated foreign keys.
type violatedKeys struct{}

func (violatedKeys) Code() int { return sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY }

func (v violatedKeys) Error() string {
	return "FOREIGN KEY constraint failed (" + strconv.Itoa(v.Code()) + ")"
}

// schemaUndoes is the answer of SchemaUndoes for one version of the schema.
type schemaUndoes struct {
	version driver.Value
	answer  bool
}

// SchemaUndoes implements engine.Conn. It reads the schema again when that has changed.
func (c *conn) SchemaUndoes(ctx context.Context) bool {
	version, err := c.column(ctx, "PRAGMA schema_version")
	if err != nil || len(version) != 1 {
		return true
	}
	if c.undoes.version == version[0] {
		return c.undoes.answer
	}
	texts, err := c.column(ctx, "SELECT sql FROM (SELECT sql FROM sqlite_master UNION ALL SELECT sql FROM sqlite_temp_master) WHERE sql LIKE '%rollback%' OR sql LIKE '%deferred%'")
	if err != nil {
		return true
	}
	undoes := false
	for _, text := range texts {
		text, ok := text.(string)
		undoes = undoes || !ok || sqltext.SharingOf(sqltext.SQLite, text) == sqltext.Undoes || strings.Contains(strings.ToLower(text), "deferred")
	}
	c.undoes = schemaUndoes{version[0], undoes}
	return undoes
}

// column returns the values of a query of one column.
func (c *conn) column(ctx context.Context, query string) (values []driver.Value, err error) {
	rows, err := c.Query(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, 1)
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return values, nil
		case err != nil:
			return nil, err
		}
		values = append(values, row[0])
	}
}
