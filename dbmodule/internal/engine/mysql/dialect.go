package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/uptrace/bun/dialect/mysqldialect"
)

// lateDialect asks the server for its version when it is connected.
// Bun's own dialect asks inside bun.NewDB: a constructor that does I/O, and
// whose failure leaves the features wrong for the life of the process.
type lateDialect struct{ *mysqldialect.Dialect }

// newLateDialect returns a dialect that writes times in UTC. Without a location Bun
// writes a time's wall clock in whatever zone it has.
func newLateDialect() *lateDialect {
	return &lateDialect{Dialect: mysqldialect.New(mysqldialect.WithTimeLocation("UTC"))}
}

// Init does nothing; discover runs the dialect's own once the server answers.
func (*lateDialect) Init(*sql.DB) {}

// AppendString writes a NUL as MySQL's \0 escape; Bun's dialect drops it.
func (d *lateDialect) AppendString(b []byte, s string) []byte {
	if strings.IndexByte(s, 0) < 0 {
		return d.Dialect.AppendString(b, s)
	}
	b = append(b, '\'')
	for i, part := range strings.Split(s, "\x00") {
		if i > 0 {
			b = append(b, '\\', '0')
		}
		quoted := d.Dialect.AppendString(nil, part)
		b = append(b, quoted[1:len(quoted)-1]...)
	}
	return append(b, '\'')
}

func (d *lateDialect) discover(ctx context.Context, db *sql.DB) error {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil {
		return fmt.Errorf("read the server's version: %w", err)
	}
	d.Dialect.Init(db)
	return nil
}
