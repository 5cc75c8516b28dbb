package scale

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// Listed describes small conversations for listings without holding them: how many
// there are. They are the same each time. What they are sorted by is in three different
// orders, and what they are filtered by is spread evenly over each of them.
type Listed int64

// How often something is had by conversations: by one in so many.
const (
	perSub      = 5    // has a parent
	perPublic   = 3    // is public
	perSandbox  = 50   // conversations in a sandbox
	perSeldom   = 20   // has the tag "seldom"
	perNever    = 10   // has no tag "often"
	valuesOften = 4    // of the tag "often"
	perWord     = 20   // has the word "seldom" in its title
	createdStep = 7919 // primes, so that no two have the same
	updatedStep = 104_729
	titleStep   = 15_485_863
)

func (l Listed) at(rank int64) time.Time { return epoch.Add(time.Duration(rank) * time.Second) }

func (l Listed) title(rank int64) string { return fmt.Sprintf("task %08d of the weather", rank) }

func listedID(n int64) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n) }

// perPiece is how many conversations a statement and its transaction insert.
const perPiece = 20_000

// ListedState is what a database that [LoadListed] has filled knows of its rows.
type ListedState struct {
	// Name comes behind the engine's in a report; it is empty where there is one state.
	Name string
	// statements lead to it from the state before.
	statements []string
}

// ListedStates are those that are measured one after the other. PostgreSQL has no statistics right after rows came. Its
// autovacuum, which makes them in a minute or so, waits until it is asked, so that it does not come in between. MariaDB
// keeps statistics while rows come, and after ANALYZE TABLE has newer ones.
func ListedStates(engine dbmodule.Engine) []ListedState {
	switch engine {
	case dbmodule.PostgreSQL:
		return []ListedState{{", right after the rows came, without statistics", nil}, {", with statistics", []string{"VACUUM ANALYZE"}}}
	case dbmodule.MySQL:
		return []ListedState{{", right after the rows came", nil}, {", after ANALYZE TABLE", []string{"ANALYZE TABLE conversations, conversation_tags"}}}
	default:
		return []ListedState{{}}
	}
}

// Reach brings a database from the state before into this one.
func (s ListedState) Reach(ctx context.Context, c contract.Config) (err error) {
	pools, err := contract.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	for _, statement := range s.statements {
		if _, err := pools.Writer.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("scale: %s: %w", statement, err)
		}
	}
	return nil
}

// LoadListed makes the server's tables in an empty database and fills them with
// conversations. The first of [ListedStates] is what it leaves.
func LoadListed(ctx context.Context, c contract.Config, l Listed) (err error) {
	c.Synchronous = "OFF"
	db, err := openDatabase(ctx, c, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CreateTables(ctx); err != nil {
		return err
	}
	definitions, err := dropIndexes(ctx, db)
	if err != nil {
		return fmt.Errorf("scale: drop indexes: %w", err)
	}
	if db.Engine() == dbmodule.PostgreSQL {
		for _, table := range []string{"conversations", "conversation_tags"} {
			if err := execute(ctx, db, "ALTER TABLE "+table+" SET (autovacuum_enabled = off)"); err != nil {
				return fmt.Errorf("scale: keep autovacuum away: %w", err)
			}
		}
	}
	if err := l.fill(ctx, db); err != nil {
		return fmt.Errorf("scale: load conversations: %w", err)
	}
	for _, definition := range definitions {
		if err := execute(ctx, db, definition); err != nil {
			return fmt.Errorf("scale: make indexes: %w", err)
		}
	}
	return nil
}

// dropIndexes drops those that are no primary keys and returns what makes them again: that
// is much faster than to keep them.
func dropIndexes(ctx context.Context, db *dbmodule.Database) (definitions []string, err error) {
	var rows []struct{ Dropped, Definition string }
	query := map[dbmodule.Engine]string{
		dbmodule.SQLite:     "SELECT 'DROP INDEX ' || name AS dropped, sql AS definition FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name LIKE 'conversation%'",
		dbmodule.PostgreSQL: "SELECT 'DROP INDEX ' || indexname AS dropped, indexdef AS definition FROM pg_indexes WHERE schemaname = current_schema() AND tablename LIKE 'conversation%' AND indexname LIKE 'ix%'",
		// All of a table at once, for a statement reads the whole table.
		dbmodule.MySQL: "SELECT CONCAT('ALTER TABLE ', t, GROUP_CONCAT(' DROP INDEX ', i)) AS dropped, " +
			"CONCAT('ALTER TABLE ', t, GROUP_CONCAT(' ADD INDEX ', i, ' (', columns_of, ')')) AS definition FROM (" +
			"SELECT table_name AS t, index_name AS i, GROUP_CONCAT(column_name ORDER BY seq_in_index) AS columns_of FROM information_schema.statistics " +
			"WHERE table_schema = database() AND table_name LIKE 'conversation%' AND index_name LIKE 'ix%' GROUP BY table_name, index_name) AS indexes GROUP BY t",
	}[db.Engine()]
	if db.Engine() == dbmodule.MySQL {
		query = strings.Replace(query, "SELECT", "SELECT /*+ SET_VAR(group_concat_max_len = 100000) */", 1)
	}
	if err := db.DB().NewRaw(query).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		if err := execute(ctx, db, row.Dropped); err != nil {
			return nil, err
		}
		definitions = append(definitions, row.Definition)
	}
	return definitions, nil
}

func execute(ctx context.Context, db *dbmodule.Database, statement string) error {
	return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		_, err := s.NewRaw(statement).Exec(ctx)
		return err
	})
}
