package dbmodule_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule"
)

// What is prepared for a statement depends on what was seen before.
func TestShapesLearnWhatVaries(t *testing.T) {
	t.Parallel()
	type step struct{ query, prepared string } // "" for what runs as it is
	const where = "SELECT a FROM t WHERE b = "
	long := "'" + strings.Repeat("x", 200) + "'"
	for name, test := range map[string]struct {
		engine dbmodule.Engine
		steps  []step
	}{
		"the same":              {dbmodule.SQLite, []step{{where + "1", ""}, {where + "1", where + "1"}, {where + "1", where + "1"}}},
		"another":               {dbmodule.SQLite, []step{{where + "1", ""}, {where + "2", where + "?"}}},
		"the same later":        {dbmodule.SQLite, []step{{where + "1", ""}, {where + "1", where + "1"}, {where + "2", where + "?"}, {where + "1", where + "?"}}},
		"one of two":            {dbmodule.SQLite, []step{{where + "1 AND c = 2", ""}, {where + "1 AND c = 3", where + "1 AND c = ?"}, {where + "1 AND c = 2", where + "1 AND c = ?"}}},
		"long":                  {dbmodule.SQLite, []step{{where + long, ""}, {where + long, where + "?"}}},
		"stored":                {dbmodule.SQLite, []step{{"INSERT INTO t VALUES (1)", ""}, {"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (?)"}}},
		"set":                   {dbmodule.SQLite, []step{{"UPDATE t SET a = 1 WHERE b = 2", ""}, {"UPDATE t SET a = 1 WHERE b = 2", "UPDATE t SET a = ? WHERE b = 2"}}},
		"set when stored":       {dbmodule.MySQL, []step{{"INSERT INTO t VALUES (c) ON DUPLICATE KEY UPDATE a = VALUES(a), b = 5", ""}, {"INSERT INTO t VALUES (c) ON DUPLICATE KEY UPDATE a = VALUES(a), b = 5", "INSERT INTO t VALUES (c) ON DUPLICATE KEY UPDATE a = VALUES(a), b = ?"}}},
		"compared rows":         {dbmodule.PostgreSQL, []step{{"SELECT a FROM t WHERE b IN (VALUES (1))", ""}, {"SELECT a FROM t WHERE b IN (VALUES (1))", "SELECT a FROM t WHERE b IN (VALUES (1))"}}},
		"compared in an insert": {dbmodule.SQLite, []step{{"INSERT INTO t SELECT a FROM u WHERE b = 1", ""}, {"INSERT INTO t SELECT a FROM u WHERE b = 1", "INSERT INTO t SELECT a FROM u WHERE b = 1"}}},
		"another kind":          {dbmodule.SQLite, []step{{where + "1", ""}, {where + "'1'", ""}, {where + "TRUE", ""}, {where + "1.5", ""}, {where + "X'00'", ""}, {where + "2", where + "?"}}},
		"wide, SQLite":          {dbmodule.SQLite, []step{{where + "1", ""}, {where + "3000000000", where + "?"}}},
		"wide, MySQL":           {dbmodule.MySQL, []step{{where + "1", ""}, {where + "3000000000", where + "?"}}},
		"wide, PostgreSQL":      {dbmodule.PostgreSQL, []step{{where + "1", ""}, {where + "3000000000", ""}, {where + "2", where + "$1::int4"}, {where + "3000000001", where + "$1::int8"}}},
		"no bytes":              {dbmodule.SQLite, []step{{where + "X'00'", ""}, {where + "X'01'", where + "?"}, {where + "X'0'", ""}, {where + "X'0g'", ""}, {where + "X'02'", where + "?"}}},
	} {
		shapes := dbmodule.NewShapes(test.engine)
		for i, step := range test.steps {
			prepared, args := shapes.Run(step.query)
			assert.Equal(t, step.prepared, prepared, "%s, %d", name, i)
			assert.Len(t, args, strings.Count(prepared, "?")+strings.Count(prepared, "$"), "%s, %d", name, i)
		}
	}
}

// Two connections that see a statement for the first time at once don't make
// each other forget what they learnt.
func TestShapesAreLearntOnce(t *testing.T) {
	t.Parallel()
	shapes := dbmodule.NewShapes(dbmodule.SQLite)
	query := func(i int) string { return fmt.Sprint("SELECT a FROM t WHERE b = ", i) }
	slow := shapes.Begin(query(1))
	shapes.Run(query(2))
	prepared, _ := shapes.Run(query(3))
	assert.Equal(t, "SELECT a FROM t WHERE b = ?", prepared)
	slow()
	prepared, _ = shapes.Run(query(1))
	assert.Equal(t, "SELECT a FROM t WHERE b = ?", prepared)
}

func TestRefusedShapesRunAsTheyAre(t *testing.T) {
	t.Parallel()
	shapes := dbmodule.NewShapes(dbmodule.SQLite)
	for i := range 4 {
		query := fmt.Sprint("SELECT a FROM t WHERE b = ", i)
		prepared, _ := shapes.Run(query)
		assert.Equal(t, i == 1, prepared != "", "%d", i)
		if i == 1 {
			shapes.Refuse(query)
		}
	}
}

// What statements an application makes up, only so many are remembered, those
// in use among them.
func TestShapesAreBounded(t *testing.T) {
	t.Parallel()
	shapes := dbmodule.NewShapes(dbmodule.SQLite)
	shapes.Run("SELECT a FROM t WHERE b = 0")
	made := 0
	for i := range 8000 {
		query := fmt.Sprint("SELECT a FROM t WHERE c", i, " = 1 AND ", strings.Repeat("d", 1000), " = 2")
		made += 2 * len(query)
		shapes.Run(query)
		if i%50 == 0 {
			prepared, _ := shapes.Run(fmt.Sprint("SELECT a FROM t WHERE b = ", i+1))
			assert.Equal(t, "SELECT a FROM t WHERE b = ?", prepared, "%d", i)
		}
	}
	assert.Less(t, shapes.Size(), made/8)
}
