package conversations

import (
	"errors"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbquery"
)

// compiled are the queries that run most: they are written once. What is wrong with one is an error when
// the store is made.
type compiled struct {
	get *dbmodule.Compiled[Conversation, key]
	// children reads those that name a conversation as their parent.
	children *dbmodule.Compiled[Conversation, key]
	// lockLean reads a row and locks it, without the agent and the like, which can be large;
	// lockAll reads all of it.
	lockLean, lockAll *dbmodule.Compiled[Conversation, key]
	// begin stores a conversation that may be there.
	begin   *dbmodule.CompiledInsert[Conversation]
	advance *dbmodule.Compiled[Conversation, advanced]
	// rows reads listings, whose queries hang on their filters.
	rows *dbmodule.Reader[Conversation]
}

// key names a conversation.
type key struct{ ID string }

func compile(sessions *dbmodule.SessionFactory) (compiled, error) {
	var c compiled
	var errs [7]error
	c.get, errs[0] = dbmodule.CompileSelect[Conversation, key](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
		return withoutMarked(q.ExcludeColumn(unshown...).Where("conversation.id = ?id"))
	})
	c.children, errs[1] = dbmodule.CompileSelect[Conversation, key](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
		return onlyParents(q).Where("conversation.parent_conversation_id = ?id")
	})
	c.lockLean, errs[2] = dbmodule.CompileSelect[Conversation, key](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
		return locked(q.Column("id", "agent_kind", "title", "title_sort", "tags", "execution_status", "leaf_event_id", "info_digest",
			"created_at", "updated_at", "event_count", "numbered"))
	})
	c.lockAll, errs[3] = dbmodule.CompileSelect[Conversation, key](sessions, locked)
	c.begin, errs[4] = dbmodule.CompileInsert[Conversation](sessions, func(q *bun.InsertQuery) *bun.InsertQuery {
		return dbquery.Upsert(q.Returning("NULL"), []string{"id"})
	})
	c.advance, errs[5] = dbmodule.CompileUpdate[Conversation, advanced](sessions, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return setAdvanced(q)
	})
	c.rows, errs[6] = dbmodule.NewReader[Conversation](sessions)
	return c, errors.Join(errs[:]...)
}

// locked locks the row of a conversation. SQLite's one writer began IMMEDIATE: it is alone.
func locked(q *bun.SelectQuery) *bun.SelectQuery {
	return dbmodule.ForUpdate(q.Where("conversation.id = ?id"))
}
