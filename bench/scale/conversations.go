package scale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhands-go/server/app/conversations"
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

// rank is the place of the nth conversation in an order.
func (l Listed) rank(n, step int64) int64 { return n * step % int64(l) }

func (l Listed) at(rank int64) time.Time { return epoch.Add(time.Duration(rank) * time.Second) }

func (l Listed) title(rank int64) string { return fmt.Sprintf("task %08d of the weather", rank) }

func listedID(n int64) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n) }

// conversation is the nth, with its tags.
func (l Listed) conversation(n int64) (*conversations.Conversation, []*conversations.Tag) {
	// Ids count up: such a table is filled fast.
	hash := n * 2_654_435_761 % 4_294_967_296 >> 8 // so that no filter follows another
	c := Data{}.conversation(n)
	c.ID = listedID(n)
	title := l.title(l.rank(n, titleStep))
	if hash%perWord == 1 {
		title += " seldom"
	}
	sandbox := fmt.Sprintf("sandbox-%d", n/perSandbox)
	c.Title, c.TitleFolded, c.TitleSort = &title, &title, title
	c.ExecutionStatus = statuses[hash%int64(len(statuses))]
	c.SandboxID, c.Public, c.EventCount, c.Numbered = &sandbox, hash/4%perPublic == 0, 0, 0
	c.CreatedAt, c.UpdatedAt = l.at(l.rank(n, createdStep)), l.at(l.rank(n, updatedStep))
	if hash/12%perSub == 0 && n > 0 {
		parent := listedID(n - 1)
		c.ParentID, c.HasParent = &parent, true
	}
	var tags []*conversations.Tag
	if hash/60%perNever > 0 {
		tags = append(tags, &conversations.Tag{ConversationID: c.ID, Name: "often", Value: fmt.Sprint(hash / 600 % valuesOften)})
	}
	if hash/60%perSeldom == 1 {
		tags = append(tags, &conversations.Tag{ConversationID: c.ID, Name: "seldom", Value: "yes"})
	}
	return c, tags
}

// insertedAtOnce is how many conversations a statement has, and perTransaction how many a
// transaction.
const (
	insertedAtOnce = 500
	perTransaction = 20_000
)

// LoadListed makes the server's tables in an empty database and fills them with
// conversations. Statistics are left as the engines make them by themselves.
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
	for first := int64(0); first < int64(l); first += perTransaction {
		err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			for from := first; from < min(first+perTransaction, int64(l)); from += insertedAtOnce {
				if err := l.insert(ctx, s, from); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("scale: load conversations: %w", err)
		}
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
		dbmodule.MySQL: "SELECT CONCAT('ALTER TABLE ', table_name, ' DROP INDEX ', index_name) AS dropped, " +
			"CONCAT('ALTER TABLE ', table_name, ' ADD INDEX ', index_name, ' (', GROUP_CONCAT(column_name ORDER BY seq_in_index), ')') AS definition " +
			"FROM information_schema.statistics WHERE table_schema = database() AND table_name LIKE 'conversation%' AND index_name LIKE 'ix%' GROUP BY table_name, index_name",
	}[db.Engine()]
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

func (l Listed) insert(ctx context.Context, s *dbmodule.Session, from int64) error {
	var rows []*conversations.Conversation
	var tags []*conversations.Tag
	for n := from; n < min(from+insertedAtOnce, int64(l)); n++ {
		c, its := l.conversation(n)
		rows, tags = append(rows, c), append(tags, its...)
	}
	if _, err := s.NewInsert().Model(&rows).Returning("NULL").Exec(ctx); err != nil {
		return err
	}
	_, err := s.NewInsert().Model(&tags).Returning("NULL").Exec(ctx)
	return err
}
