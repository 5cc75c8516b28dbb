package prepared

import "time"

// Life is how long a prepared statement is used. A schema that somebody else changed
// is noticed after that at the latest.
const Life = 5 * time.Minute

// Cache holds the prepared statements of one connection: the limit most recently
// used. S is what the driver returns for one. It is not safe for concurrent use,
// as a connection is not.
type Cache[S any] struct {
	limit   int
	byShape map[*Shape]*Entry[S]
	// schema is that in which all of them were prepared.
	schema uint64
	// newest and oldest are the ends of the list in order of use.
	newest, oldest *Entry[S]
}

// Entry is one prepared statement.
type Entry[S any] struct {
	Statement S
	shape     *Shape
	made      time.Time
	// busy is set while its rows are read, dropped once the cache has it no more.
	busy, dropped bool
	newer, older  *Entry[S]
}

// NewCache makes a cache; limit is at least 1.
func NewCache[S any](limit int) *Cache[S] {
	return &Cache[S]{limit: limit, byShape: make(map[*Shape]*Entry[S])}
}

// Get returns a shape's statement, nil for none. One that is too old is dropped
// and returned as expired, for the caller to close.
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

// Put adds a statement, and returns the oldest if there are too many now, for the
// caller to close.
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

// Renew begins anew for a schema, and returns what was prepared for another.
// Those whose rows are read are closed when that ends; see Entry.Free.
func (c *Cache[S]) Renew(schema uint64) (outdated []*Entry[S]) {
	if c.schema == schema {
		return nil
	}
	c.schema = schema
	return c.Clear()
}

// Clear drops all and returns those that nobody reads from, for the caller to close.
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

// Drop forgets a statement.
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

// Use marks a statement as one whose rows are read. It reports false if that is so
// already.
func (e *Entry[S]) Use() bool {
	if e.busy {
		return false
	}
	e.busy = true
	return true
}

// Free ends Use. It reports whether the caller has to close the statement, since
// the cache has dropped it meanwhile.
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
