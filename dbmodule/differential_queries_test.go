package dbmodule_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// step is a statement with the values of each run.
type step struct {
	text   string
	values [differentialRuns][]any
	run    func(ctx context.Context, db bun.IDB, query string, args []any) (string, error)
}

// setting is a statement that changes how values are read or written until the unit
// of work ends.
func (d *differential) setting() string {
	switch d.engine {
	case dbmodule.PostgreSQL:
		return d.one(
			"SET LOCAL TIME ZONE 'America/New_York'", "SET LOCAL datestyle = 'German'", "SET LOCAL datestyle = 'SQL, DMY'", "SET LOCAL intervalstyle = 'iso_8601'",
			"SET LOCAL bytea_output = 'escape'", "SET LOCAL extra_float_digits = 0", "SELECT set_config('timezone', 'Asia/Tokyo', true)",
			"SET datestyle = 'SQL, MDY'", "SET LOCAL plan_cache_mode = 'force_generic_plan'", "SET LOCAL plan_cache_mode = 'force_custom_plan'",
		)
	case dbmodule.MySQL:
		return d.one("SET sql_mode = 'STRICT_TRANS_TABLES,PIPES_AS_CONCAT'", "SET sql_mode = ''", "SET time_zone = '+05:00'", "SET collation_connection = 'utf8mb4_bin'")
	}
	return d.one("PRAGMA case_sensitive_like = 1", "PRAGMA recursive_triggers = 1")
}

// step makes up a statement, half of them as Bun's builders write them.
func (d *differential) step() step {
	names := d.columns
	a, b := d.one(names...), d.one(names...)
	op := func() string { return d.one("=", "<>", "<", ">=", "!=", ">") }
	s := step{run: rowsOf}
	write := false
	var slots int // how many values it takes
	switch d.IntN(28) {
	case 0, 1, 2:
		s.text, slots = fmt.Sprintf("SELECT * FROM %s WHERE %s %s ? ORDER BY id LIMIT 5", d.table, a, op()), 1
	case 3:
		s.text, slots = fmt.Sprintf("SELECT id, %s, %s FROM %s AS x WHERE (x.%s %s ? OR NOT %s %s ?) AND id IS NOT NULL ORDER BY id", a, b, d.table, a, op(), b, op()), 2
	case 4:
		s.text, slots = fmt.Sprintf("SELECT id, %s FROM %s WHERE %s IN (?, ?) ORDER BY id", a, d.table, a), 2
	case 5:
		s.text, slots = fmt.Sprintf("SELECT id FROM %s WHERE (%s, %s) IN ((?, ?), (?, ?)) ORDER BY id", d.table, a, b), 4
	case 6:
		s.text, slots = fmt.Sprintf("SELECT %s FROM %s WHERE %s BETWEEN ? AND ? AND id < 50 ORDER BY id", a, d.table, b), 2
	case 7:
		s.text, slots = fmt.Sprintf("SELECT id, %s FROM %s WHERE %s LIKE ? ORDER BY id", a, d.table, a), 1
	case 8:
		s.text = fmt.Sprintf("SELECT count(*) AS n, count(%s) AS m, max(%s) AS most, min(id) AS least FROM %s", a, a, d.table)
	case 9:
		s.text, slots = fmt.Sprintf("SELECT x.id, y.%s FROM %s AS x JOIN %s AS y ON (y.id = x.id) LEFT JOIN %s z ON z.%s = ? WHERE x.%s %s ? ORDER BY x.id, y.id, z.id LIMIT 20", a, d.table, d.table, d.table, b, a, op()), 2
	case 10: // text
		s.text, slots = fmt.Sprintf("SELECT id FROM %s WHERE %s NOT IN (SELECT %s FROM %s WHERE %s = ?) ORDER BY 1", d.table, a, a, d.table, b), 1
	case 11: // text
		s.text = fmt.Sprintf("SELECT id, coalesce(lower(?), 'x') AS l, (SELECT count(*) FROM %s WHERE id > ?) AS n FROM %s WHERE id = ?", d.table, d.table)
		for i := range s.values {
			s.values[i] = []any{d.one("A", "b"), d.IntN(5), d.IntN(10)}
		}
		return s
	case 12: // text
		s.text = fmt.Sprintf("WITH w AS (SELECT id, %s AS v FROM %s WHERE id < ?) SELECT id, v FROM w WHERE v %s ? ORDER BY 1", a, d.table, op())
		for i := range s.values {
			s.values[i] = []any{d.IntN(40), d.fit(a)}
		}
		return s
	case 13:
		s.text, slots = fmt.Sprintf("UPDATE %s SET %s = ? WHERE id < 30 AND %s %s ?", d.table, a, b, op()), 2
		write = true
	case 14:
		s.text, slots = fmt.Sprintf("DELETE FROM %s WHERE %s = ? AND id > 10", d.table, a), 1
		write = true
	case 15:
		s.text = fmt.Sprintf("UPDATE %s SET id = id + ?, %s = NULL WHERE id = ?", d.table, a)
		s.run = affectedOf
		for i := range s.values {
			s.values[i] = []any{1000 + d.IntN(1000), d.IntN(10)}
		}
		return s
	case 16:
		return d.upsert(a, b)
	case 26:
		s.text, slots = fmt.Sprintf("SELECT id FROM %s WHERE ((%s %s ?) IS TRUE) AND (%s %s ? OR id < 9) IS NOT FALSE ORDER BY id", d.table, a, op(), b, op()), 2
	case 27:
		s.text, slots = fmt.Sprintf("SELECT id FROM %s AS x WHERE x.%s %s ? AND (EXISTS (SELECT y.id FROM %s AS y WHERE y.id > x.id AND (y.%s %s ?))) ORDER BY id LIMIT 5", d.table, a, op(), d.table, b, op()), 2
	case 17, 18, 19, 20:
		return d.compiled(a, b, op())
	default:
		return d.insert(names)
	}
	if write {
		s.run = affectedOf
	}
	of := [...]string{a, b, a, b}
	if slots == 2 && strings.Contains(s.text, " IN (?, ?)") {
		of[1] = a
	} else if slots == 2 && strings.Contains(s.text, "BETWEEN") {
		of[0] = b
	}
	fixed := d.values(of[:slots])
	for i := range s.values {
		s.values[i] = fixed
		if d.IntN(2) == 0 {
			s.values[i] = d.values(of[:slots])
		}
	}
	return s
}

func (d *differential) insert(names []string) step {
	s := step{run: affectedOf}
	rows := 1 + d.IntN(3)
	row := "(?" + strings.Repeat(", ?", len(names)) + ")"
	s.text = fmt.Sprintf("INSERT INTO %s (id, %s) VALUES %s%s", d.table, strings.Join(names, ", "), row, strings.Repeat(", "+row, rows-1))
	if d.IntN(3) == 0 && d.engine != dbmodule.MySQL {
		s.text, s.run = s.text+" RETURNING id, "+names[0], rowsOf
	}
	if d.IntN(4) == 0 && d.engine == dbmodule.MySQL {
		s.text = strings.Replace(s.text, "INSERT", "INSERT IGNORE", 1)
	}
	first := d.values(names)
	for i := range s.values {
		for range rows {
			values := first
			if d.IntN(2) == 0 {
				values = d.values(names)
			}
			s.values[i] = append(append(s.values[i], d.IntN(60)), values...)
		}
	}
	return s
}

func (d *differential) upsert(a, b string) step {
	s := step{run: affectedOf, text: fmt.Sprintf("INSERT INTO %s (id, %s) VALUES (?, ?) ", d.table, a)}
	if d.engine == dbmodule.MySQL {
		s.text += fmt.Sprintf("ON DUPLICATE KEY UPDATE %s = VALUES(%s), %s = ?", a, a, b)
	} else {
		s.text += fmt.Sprintf("ON CONFLICT (id) DO UPDATE SET %s = EXCLUDED.%s, %s = ?", a, a, b)
	}
	if a == b {
		s.text = fmt.Sprintf("INSERT INTO %s (id, %s) VALUES (?, ?), (?, NULL)", d.table, a)
		for i := range s.values {
			s.values[i] = []any{d.IntN(60), d.fit(a), d.IntN(60)}
		}
		return s
	}
	for i := range s.values {
		s.values[i] = []any{d.IntN(60), d.fit(a), d.fit(b)}
	}
	return s
}

// values are one for each of these columns.
func (d *differential) values(columns []string) (all []any) {
	for _, column := range columns {
		all = append(all, d.fit(column))
	}
	return all
}

// fit is most often a value that a column takes.
func (d *differential) fit(column string) any {
	if !d.onlyFitting && d.IntN(5) == 0 {
		return d.value()
	}
	if d.IntN(10) == 0 {
		return nil
	}
	typ := d.typeOf[column]
	for _, kind := range fitting {
		if strings.Contains(typ, kind.typ) {
			return kind.values[d.IntN(len(kind.values))]
		}
	}
	return d.one("a", "b", "ab", "AB", "a ", "1", "it's")
}

// fitting are values that types take, of the first one whose name is in the type's.
var fitting = []struct {
	typ    string
	values []any
}{
	{"INT UNSIGNED", []any{0, 7, 255, "7", uint32(math.MaxUint32)}},
	{"BIGINT UNSIGNED", []any{0, 7, uint64(math.MaxUint64), uint64(1) << 63, "18446744073709551615", int64(math.MaxInt64)}},
	{"INTERVAL", []any{"1", "1 day", "2 hours", "90 minutes", "1:30", "P1D"}},
	{"[]", []any{"{}", "{1,2}", "{3}", "{NULL,4}"}},
	{"BIGINT", []any{0, 7, -1, int64(math.MaxInt64), int64(math.MinInt64), int64(9007199254740993), "9007199254740993", "7", "007"}},
	{"INT", []any{0, 1, 7, -1, 255, "7", "007", math.MaxInt16}},
	{"FLOAT", []any{0, 0.5, 0.1, 16777217, 123456.789, "0.1", float32(0.1), 1.0 / 3}},
	{"REAL", []any{0, 0.5, 0.1, 16777217, 123456.789, "0.1", float32(0.1), 1.0 / 3, 1e10}},
	{"DOUBLE", []any{0, 0.5, 0.1, 0.30000000000000004, 123456.789, "0.1", 1.0 / 3, 1e300, 1e-7}},
	{"NUMERIC", []any{0, 0.5, 1.25, "1.50", "-3", 100, 99999.99, "1e2"}},
	{"DECIMAL", []any{0, 0.5, 1.25, "1.50", "-3", 100, 99999.99}},
	{"MONEY", []any{"1.50", "$2", 3}},
	{"TIMESTAMP", times},
	{"DATETIME", times},
	{"DATE", times},
	{"TIME", []any{"02:03:04", "23:59:59.5", "00:00:00"}},
	{"BOOLEAN", []any{true, false, "1", "t", 1, 0}},
	{"BYTEA", []any{[]byte{0, 255}, []byte("ab"), `\x00ff`, "ab"}},
	{"BLOB", []any{[]byte{0, 255}, []byte("ab"), "ab"}},
	{"BINARY", []any{[]byte{0, 255}, []byte("ab"), "ab"}},
	{"BIT", []any{1, 5, []byte{1}}},
	{"UUID", []any{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-00000000000A", "{00000000-0000-4000-8000-00000000000b}"}},
	{"JSON", []any{`{"a": 1}`, "[1, 2]", "1", "true", `"x"`, map[string]any{"b": "it's"}}},
	{"INET", []any{"192.168.0.1", "10.0.0.0/8", "::1"}},
	{"YEAR", []any{2024, "1999", 1970}},
	{"ENUM", []any{"open", "done", "OPEN", 1}},
	{"state", []any{"open", "done"}},
}

var times = []any{
	"2024-06-01", "2024-06-01 02:03:04", "2024-06-01 02:03:04.567891", "2024-06-01 02:03:04", "2024-02-29 23:59:59",
	time.Date(2024, 6, 1, 2, 3, 4, 567_891_000, time.UTC), time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC),
}

// value is one of those that can be read in several ways.
func (d *differential) value() any {
	switch d.IntN(12) {
	case 0:
		return d.IntN(5)
	case 1:
		all := [...]int64{-1, 255, 256, math.MaxInt16 + 1, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MaxInt64, math.MinInt64, 16777217, 20240601, 9007199254740993}
		return all[d.IntN(len(all))]
	case 2:
		all := [...]float64{0, 0.5, -1.25, 0.1, 1.0 / 3, 1e10, 1e-7, 123456.789, 0.30000000000000004, math.Pi}
		return all[d.IntN(len(all))]
	case 3:
		return d.IntN(2) == 0
	case 4:
		return nil
	case 5:
		return time.Date(2024, time.Month(1+d.IntN(12)), 1+d.IntN(28), d.IntN(24), d.IntN(60), 59, 123456000, time.UTC)
	case 6:
		return []byte{0, byte(d.IntN(256)), 'a'}
	case 7:
		return d.one("2024-06-01", "2024-06-01 02:03:04.5+00:00", "2024-06-01T02:03:04Z", "today", "epoch", "infinity", "01.02.2024", "02:03:04", "12", "1 day", "1:30", "2024-02-30")
	case 8:
		return d.one("open", "done", "none", "OPEN", `{"a": 1}`, "{a,b}", "{1,2}", "[1, 2]", "192.168.0.1", "00000000-0000-4000-8000-000000000001", "$1.50")
	case 9:
		return d.one("9223372036854775807", "9007199254740993", "1.5", "1.50", "007", " 7", "7 ", "1e2", "true", "t", "-0", "0x10", "NaN")
	case 10:
		return d.one("it's", `back\slash`, "日本語", "%a%", "a_", "ab", "AB", "ab  ", "?", "$1", "a\tb", `\x00ff`, "--x", "")
	}
	return d.one("a", "b", "1", "2", "5")
}
