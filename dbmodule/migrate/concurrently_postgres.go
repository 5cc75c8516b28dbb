package migrate

import (
	"context"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// A statement with CONCURRENTLY consists of several transactions. If it is cut off between them, it
// leaves an index that is not valid, or a partition that is detached in part. The next run removes
// the index and builds it again, and completes the detachment.

func (d *postgresDialect) executeAlone(ctx context.Context, w work, i int) error {
	statement := w.statements[i].Text
	if b, ok := readIndexBuild(statement); ok && b.index != "" {
		if err := d.dropInvalid(ctx, b); err != nil {
			return err
		}
	}
	err := d.retyped(ctx, d.run.conn, w, i)
	if codeOf(err) != notInState {
		return err
	}
	completing := finalizes(statement)
	if completing == "" {
		return err
	}
	if again := execute(ctx, d.run.conn, completing); codeOf(again) != notInState {
		return again
	}
	return err
}

// canRunTwice reports whether a statement builds an index whose name the server chooses.
func (d *postgresDialect) canRunTwice(text string) bool {
	b, ok := readIndexBuild(text)
	return ok && b.index == ""
}

// indexBuild is a CREATE INDEX CONCURRENTLY.
type indexBuild struct {
	index string // as PostgreSQL stores it; "" if the server chooses the name
	table string // as the statement writes it
}

// readIndexBuild reads a CREATE INDEX CONCURRENTLY. For other statements, ok is false.
func readIndexBuild(statement string) (b indexBuild, ok bool) {
	const enough = 13 // CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s . t
	r := sqlscan.Reader{Tokens: sqlscan.PostgreSQL.First(statement, enough)}
	if !r.Accept("CREATE") {
		return b, false
	}
	r.Accept("UNIQUE")
	if !r.Accept("INDEX", "CONCURRENTLY") {
		return b, false
	}
	r.Accept("IF", "NOT", "EXISTS")
	if !r.Comes("ON") {
		b.index = r.Any().PostgresName()
	}
	if !r.Accept("ON") {
		return b, false
	}
	r.Accept("ONLY")
	b.table = r.Any().Text
	for r.Accept(".") {
		b.table += "." + r.Any().Text
	}
	return b, true
}

// dropInvalid drops the index if an earlier attempt left it invalid. Its name is in the way of the
// next attempt, and writers maintain it although nothing uses it. An index is in the schema of its
// table, wherever the search path leads.
func (d *postgresDialect) dropInvalid(ctx context.Context, b indexBuild) error {
	var names []string
	err := d.run.conn.NewRaw(`SELECT c.oid::regclass::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND i.indrelid = to_regclass(?) AND c.relname = ?`, b.table, b.index).Scan(ctx, &names)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := execute(ctx, d.run.conn, "DROP INDEX CONCURRENTLY IF EXISTS "+name); err != nil {
			return err
		}
	}
	return nil
}

// notInState is the code of the error that a partition has been detached in part. It is also the code
// of others: that there is a default partition, or that there is nothing to complete.
const notInState = "55000"

// finalizes returns the statement that completes an ALTER TABLE … DETACH PARTITION … CONCURRENTLY;
// "" for other statements.
func finalizes(statement string) string {
	tokens := sqlscan.PostgreSQL.Tokens(statement)
	last := len(tokens) - 1
	if last < 0 || !tokens[0].Is("ALTER") || !tokens[last].Is("CONCURRENTLY") {
		return ""
	}
	return strings.TrimSpace(statement[:tokens[last].Pos]) + " FINALIZE"
}
