package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// anyRow is a row of a table that the differential test made up, with what the driver
// returns.
type anyRow struct {
	bun.BaseModel `bun:"table:anything,alias:x"`

	ID any `bun:"id"`
	C0 any `bun:"c0"`
	C1 any `bun:"c1"`
	C2 any `bun:"c2"`
	C3 any `bun:"c3"`
	C4 any `bun:"c4"`
	C5 any `bun:"c5"`
	C6 any `bun:"c6"`
	C7 any `bun:"c7"`
	C8 any `bun:"c8"`
	C9 any `bun:"c9"`
}

func (r *anyRow) String() string {
	var b strings.Builder
	for _, v := range [...]any{r.ID, r.C0, r.C1, r.C2, r.C3, r.C4, r.C5, r.C6, r.C7, r.C8, r.C9} {
		fmt.Fprintf(&b, "%T(%#v) ", v, v)
	}
	return b.String()
}

type anyValues struct{ V, W any }

// compiledStep runs a query on sessions as a compiled one, and otherwise by Bun's
// builders.
func compiledStep(compiled func(context.Context, *dbmodule.Session, []any) (string, error), ordinary func(context.Context, bun.IDB, []any) (string, error)) func(context.Context, bun.IDB, string, []any) (string, error) {
	return func(ctx context.Context, db bun.IDB, _ string, args []any) (string, error) {
		if s, ok := db.(*dbmodule.Session); ok {
			return compiled(ctx, s, args)
		}
		return ordinary(ctx, db, args)
	}
}

// compiled is a step that a session runs as a compiled query.
func (d *differential) compiled(a, b, op string) (s step) {
	table, failed := d.table, error(nil)
	where := fmt.Sprintf("x.%s %s ?v OR x.%s = ?w", a, op, b)
	fail := func(err error) {
		if err != nil {
			failed = err
		}
	}
	read := []string{"id", a, b}
	if a == b {
		read = read[:2] // Bun panics on a column that comes twice to a field of type any
	}
	switch d.IntN(5) {
	case 4:
		s.text = "SELECT read by a Reader WHERE " + where
		build := func(q *bun.SelectQuery, args []any) *bun.SelectQuery {
			return q.ModelTableExpr("? AS x", bun.Ident(table)).Column(read...).Where(where, anyValues{args[0], args[1]}).OrderExpr("x.id")
		}
		reader, err := dbmodule.NewReader[anyRow](d.prepared.Sessions())
		fail(err)
		s.run = compiledStep(func(ctx context.Context, s *dbmodule.Session, args []any) (string, error) {
			var rows []anyRow
			err := reader.Each(ctx, s, build(s.NewSelect().Model((*anyRow)(nil)), args), func(row *anyRow) bool {
				rows = append(rows, *row)
				return true
			})
			return printedRows(rows), err
		}, func(ctx context.Context, db bun.IDB, args []any) (string, error) {
			var rows []anyRow
			err := build(db.NewSelect().Model(&rows), args).Scan(ctx)
			return printedRows(rows), err
		})
	case 0:
		s.text = "compiled SELECT WHERE " + where
		build := func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.ModelTableExpr("? AS x", bun.Ident(table)).Column(read...).OrderExpr("x.id")
		}
		query, err := dbmodule.CompileSelect[anyRow, anyValues](d.prepared.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return build(q).Where(where) })
		fail(err)
		s.run = compiledStep(func(ctx context.Context, s *dbmodule.Session, args []any) (string, error) {
			rows, err := query.All(ctx, s, anyValues{args[0], args[1]})
			return printedRows(rows), err
		}, func(ctx context.Context, db bun.IDB, args []any) (string, error) {
			var rows []anyRow
			err := build(db.NewSelect().Model(&rows)).Where(where, anyValues{args[0], args[1]}).Scan(ctx)
			return printedRows(rows), err
		})
	case 1:
		s.text = "compiled UPDATE SET " + a + " WHERE " + b
		query, err := dbmodule.CompileUpdate[anyRow, anyValues](d.prepared.Sessions(), func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.ModelTableExpr("? AS x", bun.Ident(table)).Set("? = ?v", bun.Ident(a)).Where("x.id < 40").Where("x." + b + " " + op + " ?w")
		})
		fail(err)
		s.run = compiledStep(func(ctx context.Context, s *dbmodule.Session, args []any) (string, error) {
			return changedBy(query.Exec(ctx, s, anyValues{args[0], args[1]}))
		}, func(ctx context.Context, db bun.IDB, args []any) (string, error) {
			return changedBy(db.NewUpdate().Model((*anyRow)(nil)).ModelTableExpr("? AS x", bun.Ident(table)).Set("? = ?", bun.Ident(a), args[0]).
				Where("x.id < 40").Where("x."+b+" "+op+" ?", args[1]).Exec(ctx))
		})
	case 2:
		s.text = "compiled DELETE WHERE " + where
		query, err := dbmodule.CompileDelete[anyRow, anyValues](d.prepared.Sessions(), func(q *bun.DeleteQuery) *bun.DeleteQuery {
			return q.ModelTableExpr("? AS x", bun.Ident(table)).Where(where).Where("x.id > 10")
		})
		fail(err)
		s.run = compiledStep(func(ctx context.Context, s *dbmodule.Session, args []any) (string, error) {
			return changedBy(query.Exec(ctx, s, anyValues{args[0], args[1]}))
		}, func(ctx context.Context, db bun.IDB, args []any) (string, error) {
			return changedBy(db.NewDelete().Model((*anyRow)(nil)).ModelTableExpr("? AS x", bun.Ident(table)).
				Where(where, anyValues{args[0], args[1]}).Where("x.id > 10").Exec(ctx))
		})
	default:
		return d.compiledInsert()
	}
	for i := range s.values {
		s.values[i] = []any{d.fit(a), d.fit(b)}
		if strings.Contains(s.text, "DELETE") {
			s.values[i] = d.values([]string{a, b})
		}
	}
	return orFailed(s, failed)
}

func orFailed(s step, failed error) step {
	if failed != nil {
		s.run = func(context.Context, bun.IDB, string, []any) (string, error) { panic(failed) }
	}
	return s
}

// compiledInsert stores one row or some.
func (d *differential) compiledInsert() (s step) {
	table, columns := d.table, d.columns
	s.text = "compiled INSERT of " + strings.Join(columns, ", ")
	build := func(q *bun.InsertQuery) *bun.InsertQuery {
		return q.ModelTableExpr("?", bun.Ident(table)).Column("id").Column(columns...)
	}
	query, failed := dbmodule.CompileInsert[anyRow](d.prepared.Sessions(), build)
	rowsOf := func(args []any) (rows []anyRow) {
		for ; len(args) > 0; args = args[1+len(columns):] {
			row := anyRow{ID: args[0]}
			to := [...]*any{&row.C0, &row.C1, &row.C2, &row.C3, &row.C4, &row.C5, &row.C6, &row.C7, &row.C8, &row.C9}
			for i, value := range args[1 : 1+len(columns)] {
				*to[i] = value
			}
			rows = append(rows, row)
		}
		return rows
	}
	s.run = compiledStep(func(ctx context.Context, s *dbmodule.Session, args []any) (string, error) {
		rows := rowsOf(args)
		if len(rows) == 1 {
			return changedBy(query.Exec(ctx, s, &rows[0]))
		}
		return changedBy(query.ExecAll(ctx, s, &rows))
	}, func(ctx context.Context, db bun.IDB, args []any) (string, error) {
		rows := rowsOf(args)
		return changedBy(build(db.NewInsert().Model(&rows)).Exec(ctx))
	})
	count := 1 + d.IntN(3)
	for i := range s.values {
		for range count {
			s.values[i] = append(append(s.values[i], d.IntN(60)), d.values(columns)...)
		}
	}
	return orFailed(s, failed)
}

func printedRows(rows []anyRow) string {
	var b strings.Builder
	for i := range rows {
		b.WriteString(rows[i].String() + "\n")
	}
	return b.String()
}

func changedBy(result sql.Result, err error) (string, error) {
	if err != nil {
		return "", err
	}
	n, err := result.RowsAffected()
	return fmt.Sprint(n), err
}
