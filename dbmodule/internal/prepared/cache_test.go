package prepared_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

func find(t *testing.T, shapes *prepared.Shapes, query string) *prepared.Shape {
	s := prepared.Recognise(lite, query)
	require.NotNil(t, s, query)
	defer s.Release()
	found := shapes.Find(s)
	if found == nil {
		shapes.Add(s)
	}
	return found
}

// A shape is known from the second time on, whatever its values are.
func TestShapes(t *testing.T) {
	t.Parallel()
	shapes := prepared.NewShapes()
	assert.Nil(t, find(t, shapes, "SELECT a FROM t WHERE b = 1"))
	first := find(t, shapes, "SELECT a FROM t WHERE b = 2")
	require.NotNil(t, first)
	assert.Equal(t, "SELECT a FROM t WHERE b = ?", first.Text)
	assert.Same(t, first, find(t, shapes, "SELECT a FROM t WHERE b = 3"))
	for _, other := range []string{"SELECT a FROM t WHERE b = '1'", "SELECT a FROM t WHERE b = 1.5", "SELECT a FROM t WHERE b = TRUE", "SELECT a FROM t WHERE b = X'00'"} {
		assert.Nil(t, find(t, shapes, other), "another type")
	}
	shapes.Refuse(first)
	assert.True(t, shapes.Refused(first))
	shapes.SchemaChanged()
	assert.False(t, shapes.Refused(first), "the schema is another")
	assert.Nil(t, find(t, shapes, "SELECT a FROM t WHERE b = 4"), "it runs as text first")
	assert.Same(t, first, find(t, shapes, "SELECT a FROM t WHERE b = 5"))
}

// What statements an application makes up, only so many are remembered, those
// that are used among them.
func TestShapesAreBounded(t *testing.T) {
	t.Parallel()
	shapes := prepared.NewShapes()
	used := "SELECT a FROM t WHERE used = 1"
	find(t, shapes, used)
	for i := range 20_000 {
		find(t, shapes, fmt.Sprintf("SELECT a FROM t%d WHERE %s = 1", i, strings.Repeat("b", 50)))
		require.NotNil(t, find(t, shapes, used))
	}
	assert.Less(t, shapes.Size(), 2<<20)
}

func TestSchemaChanges(t *testing.T) {
	t.Parallel()
	shapes := prepared.NewShapes()
	before := shapes.Schema()
	shapes.BeginChange()
	shapes.BeginChange()
	assert.True(t, shapes.Changing())
	shapes.EndChange()
	assert.True(t, shapes.Changing())
	shapes.EndChange()
	assert.False(t, shapes.Changing())
	assert.NotEqual(t, before, shapes.Schema())
}

type shapeList []*prepared.Shape

func newShapeList(n int) (list shapeList) {
	for i := range n {
		list = append(list, &prepared.Shape{Text: fmt.Sprint(i)})
	}
	return list
}

func TestCacheKeepsThoseUsedLast(t *testing.T) {
	t.Parallel()
	now, shapes := time.Now(), newShapeList(4)
	c := prepared.NewCache[int](3)
	for i := range 3 {
		_, evicted := c.Put(shapes[i], i, now)
		assert.Nil(t, evicted)
	}
	found, expired := c.Get(shapes[0], now)
	require.NotNil(t, found)
	assert.Nil(t, expired)
	assert.Equal(t, 0, found.Statement)
	_, evicted := c.Put(shapes[3], 3, now)
	require.NotNil(t, evicted)
	assert.Equal(t, 1, evicted.Statement)
	assert.Equal(t, []string{"2", "0", "3"}, c.Texts())
	found, _ = c.Get(shapes[1], now)
	assert.Nil(t, found)
}

// A statement whose rows are read is not closed under its reader.
func TestCacheLeavesWhatIsInUse(t *testing.T) {
	t.Parallel()
	now, shapes := time.Now(), newShapeList(4)
	c := prepared.NewCache[int](1)
	busy, _ := c.Put(shapes[0], 0, now)
	require.True(t, busy.Use())
	assert.False(t, busy.Use())
	_, evicted := c.Put(shapes[1], 1, now)
	assert.Nil(t, evicted)
	_, evicted = c.Put(shapes[2], 2, now)
	assert.Equal(t, 1, evicted.Statement)
	found, expired := c.Get(shapes[0], now.Add(time.Hour))
	assert.Same(t, busy, found)
	assert.Nil(t, expired)
	outdated := c.Renew(7)
	require.Len(t, outdated, 1)
	assert.Equal(t, 2, outdated[0].Statement)
	assert.Empty(t, c.Texts())
	assert.True(t, busy.Free(), "whoever read from it closes it")
	assert.Empty(t, c.Renew(7))
	kept, _ := c.Put(shapes[3], 3, now)
	assert.True(t, kept.Use())
	assert.False(t, kept.Free())
}

func TestStatementsEnd(t *testing.T) {
	t.Parallel()
	now, shapes := time.Now(), newShapeList(1)
	c := prepared.NewCache[int](3)
	c.Put(shapes[0], 0, now)
	found, _ := c.Get(shapes[0], now.Add(prepared.Life))
	require.NotNil(t, found)
	found, expired := c.Get(shapes[0], now.Add(prepared.Life+1))
	assert.Nil(t, found)
	require.NotNil(t, expired)
	found, expired = c.Get(shapes[0], now)
	assert.Nil(t, found)
	assert.Nil(t, expired)
}

func TestParameters(t *testing.T) {
	t.Parallel()
	_, ok := prepared.ParametersOf([]uint32{pgtype.Int4OID, pgtype.TextOID, pgtype.TimestamptzOID, pgtype.NumericOID})
	assert.True(t, ok)
	for _, oid := range []uint32{pgtype.IntervalOID, pgtype.TimeOID, pgtype.TimetzOID, pgtype.TimestamptzArrayOID, 790, 16400} {
		_, ok := prepared.ParametersOf([]uint32{pgtype.Int4OID, oid})
		assert.False(t, ok, "%d", oid)
	}
	p, _ := prepared.ParametersOf([]uint32{pgtype.TextOID, pgtype.TimestamptzOID})
	for value, want := range map[string]bool{"2024-06-01 02:00:00+00:00": true, "now": false, "2024-06-01": false} {
		s := prepared.Recognise(pg, "SELECT a FROM t WHERE b = 'now' AND c < '"+value+"'")
		assert.Equal(t, want, p.Admit(s), value)
		s.Release()
	}
}

func TestCompleteTimes(t *testing.T) {
	t.Parallel()
	const date, stamp, zoned = pgtype.DateOID, pgtype.TimestampOID, pgtype.TimestamptzOID
	for _, c := range []struct {
		text  string
		types []uint32
	}{
		{"2024-06-01 02:03:04.123456+00:00", []uint32{date, stamp, zoned}},
		{"2024-06-01T02:03:04Z", []uint32{date, stamp, zoned}},
		{"2024-06-01 02:03:04-05", []uint32{date, stamp, zoned}},
		{"2024-06-01 02:03:04+05:53:28", []uint32{date, stamp, zoned}},
		{"2024-06-01 02:03:04", []uint32{date, stamp}},
		{"2024-06-01", []uint32{date}},
		{"now", nil},
		{"today", nil},
		{"", nil},
		{"01.06.2024", nil},
		{"06/01/2024 02:03:04+00", nil},
		{"2024-6-1 02:03:04+00", nil},
		{"2024-06-01 02:03:04 America/New_York", nil},
		{"2024-06-01 02:03:04+00 BC", nil},
		{"2024-06-01 02:03:04 EST", nil},
		{"2024-06-01 02:03:04.", nil},
		{"2024-06-01 02:03:04.+00", nil},
		{"2024-06-01 02:03", nil},
		{"2024-06-01 now", nil},
		{"12024-06-01 02:03:04+00", nil},
		{"20240601T020304Z", nil},
		{"infinity", nil},
	} {
		for _, oid := range []uint32{date, stamp, zoned} {
			assert.Equal(t, slices.Contains(c.types, uint32(oid)), prepared.Complete(c.text, oid), "%q, %d", c.text, oid)
		}
	}
}
