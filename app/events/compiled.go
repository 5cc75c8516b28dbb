package events

import (
	"errors"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/dbmodule"
)

// compiled are the most frequent queries. They are compiled once, when the store is made.
type compiled struct {
	get *dbmodule.Compiled[Event, key]
	// first reads the first page of a conversation's events. Its key is the order.
	first  map[string]*dbmodule.Compiled[Event, firstPage]
	insert *dbmodule.CompiledInsert[Event]
	// tally inserts tallies, or adds to existing ones.
	tally *dbmodule.CompiledInsert[Tally]
}

// key are the parameters of get.
type key struct{ ConversationID, ID string }

// firstPage are the parameters of first.
type firstPage struct {
	ConversationID string
	Limit          int
}

func compile(sessions *dbmodule.SessionFactory) (compiled, error) {
	c := compiled{first: make(map[string]*dbmodule.Compiled[Event, firstPage])}
	var errs [5]error
	c.get, errs[0] = dbmodule.CompileSelect[Event, key](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Column(storedColumns...).Where("event.conversation_id = ?conversation_id").Where("event.id = ?id").
			Where("EXISTS (?)", conversations.Found(q.NewSelect(), bun.SafeQuery("?conversation_id")))
	})
	c.insert, errs[1] = dbmodule.CompileInsert[Event](sessions, func(q *bun.InsertQuery) *bun.InsertQuery {
		return q.ExcludeColumn("seq").Returning("NULL")
	})
	c.tally, errs[2] = dbmodule.CompileInsert[Tally](sessions, func(q *bun.InsertQuery) *bun.InsertQuery {
		q = q.Returning("NULL")
		if q.Dialect().Name() == dialect.MySQL {
			return q.On("DUPLICATE KEY UPDATE").Set("n = n + VALUES(n)")
		}
		return q.On("CONFLICT (conversation_id, kind, source) DO UPDATE").Set("n = tally.n + EXCLUDED.n")
	})
	for i, order := range []string{Timestamp, TimestampDesc} {
		c.first[order], errs[3+i] = dbmodule.CompileSelect[Event, firstPage](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
			return pageOf(q, bun.SafeQuery("?conversation_id"), Filter{}, order, bun.SafeQuery("?limit"))
		})
	}
	return c, errors.Join(errs[:]...)
}
