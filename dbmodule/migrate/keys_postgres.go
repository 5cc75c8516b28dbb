package migrate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// If a column gets another type, autogenerate drafts a revision that drops the column's foreign
// keys and adds them again. A model can't say that a key is DEFERRABLE, has MATCH FULL, or
// sets only some columns to NULL, so the draft does not say it either. The runner makes such a
// key DEFERRABLE again. It refuses a revision that would lose one of the other two.

// foreignKey is a foreign key of a table.
type foreignKey struct {
	OID                  int64 `bun:"oid"`
	Name                 string
	Deferrable, Deferred bool
	// Definition is the key's definition, as the server writes it.
	Definition string
}

// foreignKeys returns the foreign keys of a table.
func foreignKeys(ctx context.Context, tx bun.Tx, t watchedTable) (keys []foreignKey, err error) {
	err = tx.NewRaw(`SELECT oid::bigint AS oid, conname AS name, condeferrable AS deferrable, condeferred AS deferred, pg_catalog.pg_get_constraintdef(oid) AS definition
FROM pg_catalog.pg_constraint WHERE conrelid = ?::oid AND contype = 'f' ORDER BY conname`, t.oid).Scan(ctx, &keys)
	if err != nil {
		return nil, fmt.Errorf("read the foreign keys of table %s: %w", t.table, err)
	}
	return keys, nil
}

// restoreKeys restores clauses of the foreign keys that the revision dropped and added again.
func (d *postgresDialect) restoreKeys(ctx context.Context, tx bun.Tx) error {
	for _, t := range d.watched {
		now, err := foreignKeys(ctx, tx, t)
		if err != nil {
			return err
		}
		for _, old := range t.keys {
			i := slices.IndexFunc(now, func(key foreignKey) bool { return key.Name == old.Name && key.OID != old.OID })
			if i < 0 {
				continue
			}
			if err := old.restore(ctx, tx, t.table, now[i], d.texts); err != nil {
				return err
			}
		}
	}
	return nil
}

// reKeyClauses matches clauses of a foreign key that a model can't express, except DEFERRABLE.
var reKeyClauses = regexp.MustCompile(`MATCH FULL|ON DELETE SET (?:NULL|DEFAULT) \([^)]*\)`)

// restore makes the new key deferrable if the old one was. If the new key would lose another
// clause, it returns an error. statements are those of both directions of the revision: if one
// of them has such a clause for the key, the revision decides, and restore changes nothing.
func (old foreignKey) restore(ctx context.Context, tx bun.Tx, table string, now foreignKey, statements []string) error {
	said := addedKey(statements, old.Name)
	if clause := reKeyClauses.FindString(old.Definition); clause != "" && !strings.Contains(now.Definition, clause) && !reKeyClauses.MatchString(said) {
		return fmt.Errorf("foreign key %s of table %s would lose %s, which the revision does not know: write that in both directions of the revision, where they add the key", old.Name, table, clause)
	}
	if !old.Deferrable || now.Deferrable || strings.Contains(said, "DEFERRABLE") {
		return nil
	}
	initially := "IMMEDIATE"
	if old.Deferred {
		initially = "DEFERRED"
	}
	if _, err := tx.NewRaw("ALTER TABLE ? ALTER CONSTRAINT ? DEFERRABLE INITIALLY "+initially, bun.Safe(table), bun.Ident(old.Name)).Exec(ctx); err != nil {
		return fmt.Errorf("keep foreign key %s of table %s deferrable: %w", old.Name, table, err)
	}
	return nil
}

// addedKey returns the clauses with which statements add a constraint of this name, in upper
// case and with single spaces.
func addedKey(statements []string, name string) string {
	var clauses strings.Builder
	for _, statement := range statements {
		tokens := sqlscan.PostgreSQL.Tokens(statement)
		for i := 2; i < len(tokens); i++ {
			if !tokens[i-2].Is("ADD") || !tokens[i-1].Is("CONSTRAINT") || tokens[i].PostgresName() != name {
				continue
			}
			for _, token := range sqlscan.Clauses(tokens[i+1:])[0] {
				clauses.WriteString(strings.ToUpper(token.Text) + " ")
			}
		}
	}
	return strings.NewReplacer("( ", "(", " )", ")", " ,", ",").Replace(clauses.String())
}
