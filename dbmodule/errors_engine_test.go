package dbmodule_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Each error is provoked on the real engine, through each of the ways in
// which a statement can be sent.
func TestEnginesErrorsHaveTheirType(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		suffix := ""
		if db.Engine() == dbmodule.MySQL {
			suffix = " ENGINE=InnoDB"
		}
		_, err := db.DB().ExecContext(ctx, `CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(10) NOT NULL, age INTEGER, CONSTRAINT ck_age CHECK (age > 0))`+suffix)
		require.NoError(t, err)
		_, err = db.DB().ExecContext(ctx, `CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES parents (id))`+suffix)
		require.NoError(t, err)
		_, err = db.DB().ExecContext(ctx, `CREATE TABLE pairs (a VARCHAR(10), b VARCHAR(10), CONSTRAINT uq_pairs UNIQUE (a, b))`+suffix)
		require.NoError(t, err)
		_, err = db.DB().ExecContext(ctx, `INSERT INTO pairs (a, b) VALUES ('a)=(b', 'secret')`)
		require.NoError(t, err)
		_, err = db.DB().ExecContext(ctx, `INSERT INTO parents (id, name, age) VALUES (1, 'p', 1)`)
		require.NoError(t, err)
		_, err = db.DB().ExecContext(ctx, `INSERT INTO children (id, parent_id) VALUES (1, 1)`)
		require.NoError(t, err)

		for name, test := range map[string]struct {
			query string
			want  error
			// The columns on SQLite, PostgreSQL and MySQL, or else "of" the constraint.
			about [3]string
		}{
			"primary key":       {`INSERT INTO parents (id, name) VALUES (1, 'q')`, dbmodule.ErrUnique, [3]string{"[id]", "[id]", "of PRIMARY"}},
			"unique":            {`INSERT INTO pairs (a, b) VALUES ('a)=(b', 'secret')`, dbmodule.ErrUnique, [3]string{"[a b]", "[a b]", "of uq_pairs"}},
			"foreign key":       {`INSERT INTO children (id, parent_id) VALUES (2, 99)`, dbmodule.ErrForeignKey, [3]string{"of ", "[parent_id]", "[parent_id]"}},
			"referenced parent": {`DELETE FROM parents WHERE id = 1`, dbmodule.ErrForeignKey, [3]string{"of ", "of fk_parent", "[parent_id]"}},
			"check":             {`INSERT INTO parents (id, name, age) VALUES (2, 'q', -1)`, dbmodule.ErrCheck, [3]string{"of ck_age", "of ck_age", "of ck_age"}},
			"not null":          {`INSERT INTO parents (id, name) VALUES (2, NULL)`, dbmodule.ErrNotNull, [3]string{"[name]", "[name]", "[name]"}},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := db.DB().ExecContext(ctx, test.query)
				require.ErrorIs(t, err, test.want, "bun.DB")
				var typed *dbmodule.Error
				require.ErrorAs(t, err, &typed)
				assert.Equal(t, db.Engine(), typed.Engine)
				assert.NotEmpty(t, typed.Code)
				about := "of " + typed.Constraint
				if columns := typed.Columns(); columns != nil {
					about = fmt.Sprint(columns)
				}
				assert.Equal(t, test.about[slices.Index([]dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL}, db.Engine())], about)

				_, err = db.DB().QueryContext(ctx, test.query)
				require.ErrorIs(t, err, test.want, "query")
				require.ErrorIs(t, db.DB().RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
					_, err := tx.ExecContext(ctx, test.query)
					return err
				}), test.want, "bun.Tx")
				require.ErrorIs(t, db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
					_, err := s.NewRaw(test.query).Exec(ctx)
					return err
				}), test.want, "session")
			})
		}
	})
}

// PostgreSQL and Bun's SQLite dialect can't write a NUL into a text, MySQL can.
func TestTextWithNULIsStoredOrRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		const text = "a\x00b'\\\x00\x00c"
		err := insert(t.Context(), db.DB(), text)
		if db.Engine() == dbmodule.MySQL {
			require.NoError(t, err)
			assert.Equal(t, []string{text}, names(t, db))
			return
		}
		require.ErrorIs(t, err, dbmodule.ErrValue)
	})
}

func TestDeferredConstraintFailsTheCommitForCertain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.MySQL {
			return // has no deferred constraints
		}
		ctx := t.Context()
		_, err := db.DB().ExecContext(ctx, `CREATE TABLE nodes (id INTEGER PRIMARY KEY, next_id INTEGER REFERENCES nodes (id) DEFERRABLE INITIALLY DEFERRED)`)
		require.NoError(t, err)
		s := db.Sessions().New()
		ran := false
		s.AfterCommit(func(context.Context) { ran = true })
		_, err = s.ExecContext(ctx, `INSERT INTO nodes (id, next_id) VALUES (1, 2)`)
		require.NoError(t, err)
		err = s.Commit(ctx)
		require.ErrorIs(t, err, dbmodule.ErrForeignKey)
		require.NotErrorIs(t, err, dbmodule.ErrCommitUnknown)
		assert.False(t, ran)
		assert.Zero(t, db.Stats().InUse)
		require.NoError(t, insert(ctx, s, "a"), "the connection is usable")
		require.NoError(t, s.Commit(ctx))
		count, err := db.DB().NewSelect().Table("nodes").Count(ctx)
		require.NoError(t, err)
		assert.Zero(t, count)
	})
}
