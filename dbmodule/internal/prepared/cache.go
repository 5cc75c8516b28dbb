package prepared

import "time"

// Life is how long a prepared statement is used. After that time at the latest, a change of
// the schema by another process has an effect.
const Life = 5 * time.Minute

// Cache holds the most recently used prepared statements of one connection, at most limit. S
// is the driver's statement. Like the connection, it is not safe for concurrent use.
type Cache[S any] struct {
	limit   int
	byShape map[*Shape]*Entry[S]
	// schema is the number of the schema under which all of them were prepared.
	schema uint64
	// newest and oldest are the ends of the list in order of use.
	newest, oldest *Entry[S]
}

// Entry is one prepared statement.
type Entry[S any] struct {
	Statement S
	shape     *Shape
	made      time.Time
	// busy is set while its rows are read. dropped is set once the cache has dropped it.
	busy, dropped bool
	newer, older  *Entry[S]
}

// NewCache makes a cache; limit is at least 1.
func NewCache[S any](limit int) *Cache[S] {
	return &Cache[S]{limit: limit, byShape: make(map[*Shape]*Entry[S])}
}

// Get returns the statement of a shape, nil for none. A statement that is too old is dropped
// and returned as expired; the caller closes it.
func (c *Cache[S]) Get(shape *Shape, now time.Time) (found, expired *Entry[S]) {
	e := c.byShape[shape]
	switch {
	case e == nil:
		return nil, nil
	case now.Sub(e.made) > Life && !e.busy:
		c.Drop(e)
		return nil, e
	}
	if c.newest != e {
		c.unlink(e)
		c.link(e)
	}
	return e, nil
}

// Put adds a statement. If there are too many, it drops the least recently used one and
// returns it as evicted; the caller closes it.
func (c *Cache[S]) Put(shape *Shape, statement S, now time.Time) (e, evicted *Entry[S]) {
	e = &Entry[S]{Statement: statement, shape: shape, made: now}
	c.byShape[shape] = e
	c.link(e)
	if len(c.byShape) <= c.limit {
		return e, nil
	}
	for old := c.oldest; old != e; old = old.newer {
		if !old.busy {
			c.Drop(old)
			return e, old
		}
	}
	return e, nil
}

// Renew drops the statements that were prepared under another schema. It returns them like
// Clear.
func (c *Cache[S]) Renew(schema uint64) (outdated []*Entry[S]) {
	if c.schema == schema {
		return nil
	}
	c.schema = schema
	return c.Clear()
}

// Clear drops all statements. It returns those that are not busy; the caller closes them.
// The others are closed when their rows are closed; see Entry.Free.
func (c *Cache[S]) Clear() (all []*Entry[S]) {
	for e := c.oldest; e != nil; {
		next := e.newer
		if c.Drop(e); !e.busy {
			all = append(all, e)
		}
		e = next
	}
	return all
}

// Drop removes a statement.
func (c *Cache[S]) Drop(e *Entry[S]) {
	if e.dropped {
		return
	}
	e.dropped = true
	delete(c.byShape, e.shape)
	c.unlink(e)
}

// Texts lists the prepared texts, the oldest first.
func (c *Cache[S]) Texts() (texts []string) {
	for e := c.oldest; e != nil; e = e.newer {
		texts = append(texts, e.shape.Text)
	}
	return texts
}

// All lists the entries, the oldest first.
func (c *Cache[S]) All() (all []*Entry[S]) {
	for e := c.oldest; e != nil; e = e.newer {
		all = append(all, e)
	}
	return all
}

// Use marks a statement as busy. It reports false if the statement is busy already.
func (e *Entry[S]) Use() bool {
	if e.busy {
		return false
	}
	e.busy = true
	return true
}

// Free ends Use. It reports whether the caller has to close the statement, because the cache
// has dropped it in the meantime.
func (e *Entry[S]) Free() (closes bool) {
	e.busy = false
	return e.dropped
}

func (c *Cache[S]) link(e *Entry[S]) {
	e.older, e.newer = c.newest, nil
	if c.newest != nil {
		c.newest.newer = e
	} else {
		c.oldest = e
	}
	c.newest = e
}

func (c *Cache[S]) unlink(e *Entry[S]) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		c.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		c.oldest = e.newer
	}
	e.newer, e.older = nil, nil
}
