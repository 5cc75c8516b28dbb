package conversations

import (
	"errors"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbquery"
)

// compiled are the most frequent queries. They are compiled once, when the store is made.
type compiled struct {
	get *dbmodule.Compiled[Conversation, key]
	// children reads the conversations whose parent is this one.
	children *dbmodule.Compiled[Conversation, key]
	// lockLean locks a row and reads it without its large columns, such as the agent. lockAll
	// locks a row and reads all of it.
	lockLean, lockAll *dbmodule.Compiled[Conversation, key]
	// begin inserts a conversation unless it exists.
	begin   *dbmodule.CompiledInsert[Conversation]
	advance *dbmodule.Compiled[Conversation, advanced]
	// rows reads the rows of listings, whose queries depend on their filters.
	rows *dbmodule.Reader[Conversation]
}

// key is the parameter of compiled queries: the conversation's id.
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

// locked adds the condition on the id, and FOR UPDATE where the engine has it. SQLite needs no row lock,
// because its transaction has taken the write lock with BEGIN IMMEDIATE.
func locked(q *bun.SelectQuery) *bun.SelectQuery {
	return dbmodule.ForUpdate(q.Where("conversation.id = ?id"))
}
