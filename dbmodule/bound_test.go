package dbmodule_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// sample has a column of each kind.
type sample struct {
	bun.BaseModel `bun:"table:samples,alias:s"`

	ID       int64          `bun:"id,pk,autoincrement"`
	Owner    int64          `bun:"owner"`
	Name     string         `bun:"name"`
	NullName *string        `bun:"null_name"`
	Code     string         `bun:"code"`
	Small    int16          `bun:"small"`
	Whole    int32          `bun:"whole"`
	Big      int64          `bun:"big"`
	Tiny     uint8          `bun:"tiny"`
	Medium   uint32         `bun:"medium"`
	Huge     uint64         `bun:"huge"`
	Single   float32        `bun:"single"`
	Double   float64        `bun:"dbl"`
	Exact    string         `bun:"exact"`
	Flag     bool           `bun:"flag"`
	NullFlag *bool          `bun:"null_flag"`
	At       time.Time      `bun:"at_time"`
	NullAt   *time.Time     `bun:"null_at"`
	Data     map[string]any `bun:"data,type:json"`
	List     []string       `bun:"list,type:json"`
	Blob     []byte         `bun:"blob_data"`
	Kind     string         `bun:"kind"`

	OwnerRow *owner `bun:"rel:belongs-to,join:owner=id"`
}

type owner struct {
	bun.BaseModel `bun:"table:owners,alias:o"`

	ID      int64     `bun:"id,pk,autoincrement"`
	Email   string    `bun:"email"`
	Samples []*sample `bun:"rel:has-many,join:id=owner"`
	Deleted time.Time `bun:"deleted_at,soft_delete,nullzero"`
}

var sampleTables = map[dbmodule.Engine][]string{
	dbmodule.SQLite: {
		`CREATE TABLE owners (id INTEGER PRIMARY KEY AUTOINCREMENT, email VARCHAR UNIQUE, deleted_at TIMESTAMP)`,
		`CREATE TABLE samples (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER, name VARCHAR, null_name VARCHAR, code VARCHAR,
			small INTEGER, whole INTEGER, big INTEGER, tiny INTEGER, medium INTEGER, huge INTEGER, single REAL, dbl REAL, exact NUMERIC(20,5),
			flag BOOLEAN, null_flag BOOLEAN, at_time TIMESTAMP, null_at TIMESTAMP, data JSON, list JSON, blob_data BLOB, kind VARCHAR)`,
		`CREATE UNIQUE INDEX uq_active ON samples (code) WHERE kind = 'active'`,
	},
	dbmodule.PostgreSQL: {
		`CREATE TYPE mood AS ENUM ('active', 'idle', 'done')`,
		`CREATE TABLE owners (id BIGSERIAL PRIMARY KEY, email VARCHAR(100) UNIQUE, deleted_at TIMESTAMPTZ)`,
		`CREATE TABLE samples (id BIGSERIAL PRIMARY KEY, owner BIGINT, name VARCHAR(100), null_name TEXT, code UUID,
			small SMALLINT, whole INTEGER, big BIGINT, tiny SMALLINT, medium BIGINT, huge NUMERIC(20), single REAL, dbl DOUBLE PRECISION, exact NUMERIC(20,5),
			flag BOOLEAN, null_flag BOOLEAN, at_time TIMESTAMPTZ, null_at TIMESTAMP, data JSONB, list JSON, blob_data BYTEA, kind mood, tags TEXT[], n INT[])`,
		`CREATE UNIQUE INDEX uq_active ON samples (code) WHERE kind = 'active'`,
	},
	dbmodule.MySQL: {
		`CREATE TABLE owners (id BIGINT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(100) UNIQUE, deleted_at DATETIME(6))`,
		`CREATE TABLE samples (id BIGINT PRIMARY KEY AUTO_INCREMENT, owner BIGINT, name VARCHAR(100), null_name TEXT, code CHAR(36) UNIQUE,
			small SMALLINT, whole INTEGER, big BIGINT, tiny TINYINT UNSIGNED, medium INT UNSIGNED, huge BIGINT UNSIGNED, single FLOAT, dbl DOUBLE, exact DECIMAL(20,5),
			flag BOOLEAN, null_flag BOOLEAN, at_time DATETIME(6), null_at DATETIME(6), data JSON, list JSON, blob_data BLOB, kind ENUM('active', 'idle', 'done'))`,
	},
}

var strangeNames = []string{
	"plain", "it's", `"double" 'single' ''`, `back\slash \' \n`, "日本語 ü\n\ttab", "-- /* no comment */ ;", "", "%_?$1:name", `\`, "x' OR '1'='1",
}

func sampleOf(i int) sample {
	name := strangeNames[i%len(strangeNames)]
	yes := i%2 == 0
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.FixedZone("", 5400)).Add(time.Duration(i) * time.Hour)
	s := sample{
		Owner: int64(1 + i%3), Name: name, Code: fmt.Sprintf("00000000-0000-4000-8000-%012d", i),
		Small: int16([]int{0, 1, -1, math.MaxInt16, math.MinInt16}[i%5]),
		Whole: int32([]int{0, 7, -7, math.MaxInt32, math.MinInt32}[i%5]),
		Big:   []int64{0, 3_000_000_000, -3_000_000_000, math.MaxInt64, math.MinInt64}[i%5],
		Tiny:  uint8(i * 50), Medium: []uint32{0, 5, math.MaxUint32}[i%3], Huge: []uint64{0, 5, math.MaxInt64}[i%3],
		Single: []float32{0, 1.5, -2.25, 1e10}[i%4], Double: []float64{0, 0.1, -2.5, 3, 1e15, 1.0 / 3}[i%6],
		Exact: []string{"0", "1.5", "-123456.78901"}[i%3], Flag: yes, At: at,
		Data: map[string]any{"n": float64(i), "s": name}, List: []string{name, "b"}, Blob: []byte(name),
		Kind: []string{"active", "idle", "done"}[i%3],
	}
	if i%2 == 1 {
		s.NullName, s.NullFlag, s.NullAt = &name, &yes, &at
	}
	return s
}

// builds are statements as applications write them. Each runs with several i.
var builds = map[string]func(ctx context.Context, db bun.IDB, i int) (any, error){
	"insert": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		s := sampleOf(100 + i)
		_, err := db.NewInsert().Model(&s).Exec(ctx)
		return s, err
	},
	"insert returning": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		if db.Dialect().Name().String() == "mysql" {
			return nil, nil
		}
		s := sampleOf(200 + i)
		err := db.NewInsert().Model(&s).Returning("id, name, ? AS fixed", i).Scan(ctx, &s.ID, &s.NullName, &s.Owner)
		return s, err
	},
	"bulk insert": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		list := []sample{sampleOf(300 + 3*i), sampleOf(301 + 3*i), sampleOf(302 + 3*i)}
		_, err := db.NewInsert().Model(&list).Exec(ctx)
		return nil, err
	},
	"map insert": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		_, err := db.NewInsert().Model(&map[string]any{"email": fmt.Sprintf("m'%d", i)}).TableExpr("owners").Exec(ctx)
		return nil, err
	},
	"insert again": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		_, err := db.NewInsert().Model(&owner{ID: int64(i%2 + 1), Email: fmt.Sprint("again ", i)}).Exec(ctx)
		return nil, err
	},
	"upsert": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		o := owner{ID: int64(i%3 + 1), Email: fmt.Sprintf("up'%d@x", i)}
		q := db.NewInsert().Model(&o)
		if db.Dialect().Name().String() == "mysql" {
			q = q.On("DUPLICATE KEY UPDATE").Set("email = ?", o.Email)
		} else {
			q = q.On("CONFLICT (id) DO UPDATE").Set("email = EXCLUDED.email || ?", i).Where("o.id < ?", 50+i)
		}
		_, err := q.Exec(ctx)
		return nil, err
	},
	"upsert by a partial index": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		s := sampleOf(3 * i)
		q := db.NewInsert().Model(&s)
		if db.Dialect().Name().String() == "mysql" {
			q = q.On("DUPLICATE KEY UPDATE").Set("big = ?", i)
		} else {
			q = q.On("CONFLICT (code) WHERE kind = 'active' DO UPDATE").Set("big = ?", i)
		}
		_, err := q.Exec(ctx)
		return s.ID > 0, err
	},
	"update model": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		s := sampleOf(i + 5)
		s.ID = int64(i + 1)
		return affected(db.NewUpdate().Model(&s).Column("name", "big", "dbl", "flag", "null_flag", "at_time", "data", "blob_data").WherePK().Exec(ctx))
	},
	"update set": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return affected(db.NewUpdate().Model((*sample)(nil)).Set("whole = whole - ?", i%3).Set("big = ? + ?", i, 2).Set("name = ?", strangeNames[i]).
			Set("small = CASE WHEN small = ? THEN ? ELSE small END", i, i+1).Where("id BETWEEN ? AND ?", i, i+2).Exec(ctx))
	},
	"update bulk": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		if db.Dialect().Name().String() == "mysql" {
			return nil, nil
		}
		list := []*owner{{ID: 1, Email: fmt.Sprintf("b'1 %d", i)}, {ID: 2, Email: fmt.Sprint("b2 ", i)}}
		return affected(db.NewUpdate().Model(&list).Column("email").Bulk().Exec(ctx))
	},
	"delete": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return affected(db.NewDelete().Model((*sample)(nil)).Where("id = ?", 20+i).Exec(ctx))
	},
	"soft delete": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return affected(db.NewDelete().Model((*owner)(nil)).Where("email LIKE ?", fmt.Sprintf("m''%d%%", i)).Exec(ctx))
	},
	"out of range": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		_, err := db.NewUpdate().Model((*sample)(nil)).Set("small = ?", 32766+i).Where("id = ?", 1).Exec(ctx)
		return nil, err
	},
	"select model": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery { return q.Where("s.id = ?", i+1) }),
	"select by each": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery {
		s := sampleOf(i)
		return q.Where("s.name = ?", s.Name).Where("s.small <= ?", s.Small).Where("s.whole >= ?", s.Whole).Where("s.big = ?", s.Big).
			Where("s.flag = ?", s.Flag).WhereOr("s.at_time = ?", s.At).WhereOr("s.dbl = ?", s.Double).WhereOr("s.exact = ?", s.Exact).
			WhereOr("s.huge = ?", s.Huge).WhereOr("s.code = ?", s.Code).WhereOr("s.kind = ?", s.Kind).WhereOr("s.blob_data = ?", s.Blob)
	}),
	"select in": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery {
		return q.Where("s.id IN (?)", bun.List([]int{i, i + 1, i + 7})).Where("s.name IN (?)", bun.List(strangeNames[:5+i%2])).
			Where("(s.id, s.small) NOT IN ?", bun.Tuple([][]int{{i, 0}, {i + 1, 1}}))
	}),
	"select like": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery {
		return q.Where("s.name LIKE ?", "%"+strangeNames[i][:min(2, len(strangeNames[i]))]+"%").WhereOr("s.name NOT LIKE ?", "%a%")
	}),
	"select page": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery { return q.Limit(int64(2 + i)).Offset(int64(1 + i)) }),
	"select between": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery {
		from := time.Date(2024, 2, 29, 20, 0, 0, 0, time.UTC)
		return q.Where("s.at_time BETWEEN ? AND ?", from, from.Add(time.Duration(i)*time.Hour)).Where("s.id > ? AND s.id < ?", i-1, 30)
	}),
	"select null": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery {
		var none *string
		return q.Where("s.null_name IS NOT DISTINCT FROM ?", none).Where("? = ?", i, i).Where("s.id <> ?", none)
	}),
	"select case": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery {
		return q.Where("CASE WHEN s.small = ? THEN ? ELSE ? END = ?", i, "a", "b", []string{"a", "b"}[i%2])
	}),
	"relations": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var list []owner
		err := db.NewSelect().Model(&list).Relation("Samples", func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("big <> ?", i).Order("id").Limit(5)
		}).WhereAllWithDeleted().Where("o.id <= ?", 2+i%2).Order("o.id").Scan(ctx)
		return list, err
	},
	"belongs to": selectSamples(func(q *bun.SelectQuery, i int) *bun.SelectQuery {
		return q.Relation("OwnerRow").Where("owner_row.id = ?", 1+i%3).Limit(4)
	}),
	"grouped": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var rows []map[string]any
		err := db.NewSelect().TableExpr("samples").ColumnExpr("CASE WHEN small = ? THEN ? ELSE ? END AS what", i%3, "one", "other").
			ColumnExpr("count(*) AS n").ColumnExpr("? AS note", fmt.Sprint("note ", i)).Where("id > ?", i).
			GroupExpr("1").Having("count(*) > ?", i%2).OrderExpr("1, 2").Scan(ctx, &rows)
		return rows, err
	},
	"grouped by an expression": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var rows []map[string]any
		err := db.NewRaw("SELECT whole + ? AS w, count(*) AS n FROM samples WHERE id > ? GROUP BY whole + ? ORDER BY whole + ?", i, i, i, i).Scan(ctx, &rows)
		return rows, err
	},
	"names of columns": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var rows []map[string]any
		err := db.NewRaw("SELECT ?, 'x', big = ?, (SELECT count(*) FROM owners WHERE id > ?) FROM samples WHERE id = ?", i, i, i, 1+i%2).Scan(ctx, &rows)
		return rows, err
	},
	"with": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var rows []map[string]any
		sub := db.NewSelect().Model((*sample)(nil)).Column("id", "name").Where("id > ?", i).OrderExpr("id").Limit(3)
		err := db.NewSelect().With("chosen", sub).TableExpr("chosen").Where("name <> ?", strangeNames[i]).OrderExpr("id").Scan(ctx, &rows)
		return rows, err
	},
	"union": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var ids []int64
		a := db.NewSelect().Model((*sample)(nil)).Column("id").Where("id = ?", i)
		err := a.UnionAll(db.NewSelect().Model((*sample)(nil)).Column("id").Where("id IN (?)", bun.List([]int{i + 1, i + 2}))).Scan(ctx, &ids)
		slices.Sort(ids)
		return ids, err
	},
	"count": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return db.NewSelect().Model((*sample)(nil)).Where("id > ?", i).Count(ctx)
	},
	"exists": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return db.NewSelect().Model((*sample)(nil)).Where("name = ?", fmt.Sprint("none ", i)).Exists(ctx)
	},
	"raw": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		rows, err := db.QueryContext(ctx, "SELECT id, name FROM samples WHERE id >= ? /* it's ? */ AND name <> ? -- '?\nORDER BY 1 DESC LIMIT 3", i, strangeNames[i])
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []any
		for rows.Next() {
			var id int64
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				return nil, err
			}
			all = append(all, id, name)
		}
		return all, rows.Err()
	},
	"named": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var n int
		err := db.NewRaw("SELECT count(*) FROM samples WHERE small < ?Small AND name <> ?Name", sampleOf(i)).Scan(ctx, &n)
		return n, err
	},
	"row": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var name string
		err := db.QueryRowContext(ctx, "SELECT name FROM samples WHERE id = ?", i).Scan(&name)
		return name, err
	},
	"exec": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return affected(db.ExecContext(ctx, "UPDATE samples SET medium = ? WHERE id = ?;", i, i))
	},
	"functions": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var n int
		err := db.NewRaw("SELECT count(*) FROM samples WHERE lower(name) = lower(?) OR substr(name, ?, 2) = ? OR coalesce(null_name, ?) = ?",
			"PLAIN", i+1, "ai", "x", fmt.Sprint(i)).Scan(ctx, &n)
		return n, err
	},
	"text against number": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var n int
		err := db.NewRaw("SELECT count(*) FROM samples WHERE whole = ? OR exact = ?", fmt.Sprint(i), fmt.Sprint(i)).Scan(ctx, &n)
		return n, err
	},
	"nonsense against number": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var n int
		err := db.NewRaw("SELECT count(*) FROM samples WHERE whole = ?", []string{"1", "7", "seven", "8"}[i%4]).Scan(ctx, &n)
		return n, err
	},
	"number against text": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var n int
		err := db.NewRaw("SELECT count(*) FROM samples WHERE name = ?", i).Scan(ctx, &n)
		return n, err
	},
	"wide and narrow": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var n int
		v := []int64{1, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxInt64, math.MinInt64}[i%7]
		err := db.NewRaw("SELECT count(*) FROM samples WHERE small <> ? AND whole <> ? AND big <> ? AND huge <> ? AND dbl <> ? AND exact <> ? AND whole - 1 < ?",
			v, v, v, v, v, v, v).Scan(ctx, &n)
		return n, err
	},
	"not a number": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		f := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.5}[i%4]
		return affected(db.NewUpdate().Model((*sample)(nil)).Set("dbl = ?", f).Where("id = ?", 2).Exec(ctx))
	},
	"no such column": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		_, err := db.NewSelect().Model((*sample)(nil)).Where("missing = ?", i).Count(ctx)
		return nil, err
	},
	"zero byte": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		n, err := db.NewSelect().Model((*sample)(nil)).Where("name = ?", fmt.Sprint("a\x00", i)).Count(ctx)
		return n, err
	},
	"not valid text": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return db.NewSelect().Model((*sample)(nil)).Where("name <> ?", fmt.Sprint("a\xff", i)).Count(ctx)
	},
	"expressions": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var n int
		err := db.NewRaw("SELECT count(*) FROM samples WHERE small + ? > whole - ? AND small*? = ? AND -? < ? AND id % ? = 1", i, i, i, i, i, i, i+1).Scan(ctx, &n)
		return n, err
	},
	"dates": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		query := "SELECT count(*) FROM samples WHERE at_time > TIMESTAMP '2024-03-01 00:00:00' - INTERVAL ? DAY"
		switch db.Dialect().Name().String() {
		case "pg":
			query = "SELECT count(*) FROM samples WHERE at_time > ? - INTERVAL '1 day' AND at_time < timestamptz '2030-01-01'"
			var n int
			err := db.NewRaw(query, time.Date(2024, 3, 1, i, 0, 0, 0, time.UTC)).Scan(ctx, &n)
			return n, err
		case "sqlite":
			query = "SELECT count(*) FROM samples WHERE at_time > datetime('2024-03-01', '-' || ? || ' days')"
		}
		var n int
		err := db.NewRaw(query, i).Scan(ctx, &n)
		return n, err
	},
}

// postgreSQLBuilds are what only PostgreSQL knows.
var postgreSQLBuilds = map[string]func(ctx context.Context, db bun.IDB, i int) (any, error){
	"arrays": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return affected(db.NewUpdate().TableExpr("samples").Set("tags = ?", pgdialect.Array([]string{"it's", `"q"`, fmt.Sprint(i)})).
			Set("n = ?", pgdialect.Array([]int{i, i + 1})).Where("id = ANY(?)", pgdialect.Array([]int64{1, int64(i)})).Exec(ctx))
	},
	"array operators": count("tags @> ? AND n && ? AND n[1] = ? AND ? = ANY(tags)", func(i int) []any {
		return []any{pgdialect.Array([]string{"it's"}), pgdialect.Array([]int{i}), i, fmt.Sprint(i)}
	}),
	"jsonb": count("data @> ? AND data->>'n' = ? AND data->? IS NOT NULL AND (data->>'n')::int = ?", func(i int) []any {
		return []any{map[string]any{"n": i}, fmt.Sprint(i), "n", i}
	}),
	"polymorphic": count("jsonb_build_object('a', ?) = ? OR concat(?, name) = ? OR ? IS NULL", func(i int) []any {
		return []any{fmt.Sprint(i), map[string]any{"a": fmt.Sprint(i)}, "a", fmt.Sprint("a", i), fmt.Sprint(i)}
	}),
	"casts": count("name = ?::text AND small = ?::smallint AND at_time > ?::timestamptz AND name = ? COLLATE \"C\" AND whole > -?::int", func(i int) []any {
		return []any{fmt.Sprint(i), i, time.Unix(int64(i), 0), fmt.Sprint(i), i}
	}),
	"regular expressions": count("name ~ ? OR name ~* ? OR name ILIKE ? OR name SIMILAR TO ?", func(i int) []any {
		return []any{fmt.Sprint("^p", i), "^P", fmt.Sprint("%", i), "p%"}
	}),
	"dates and intervals": count("at_time > now() - ?::interval AND at_time + ? > at_time AND date_trunc('day', at_time) <> ?", func(i int) []any {
		return []any{fmt.Sprintf("%d days", i), "1 day", time.Unix(int64(i), 0)}
	}),
	"bytes": count("blob_data = ? OR blob_data = ? || ?", func(i int) []any { return []any{[]byte{0, byte(i)}, []byte("a"), []byte{byte(i)}} }),
	"uuid":  count("code = ? OR code IN (?)", func(i int) []any { return []any{sampleOf(i).Code, bun.List([]string{sampleOf(i + 1).Code})} }),
	"bad uuid": count("code = ?", func(i int) []any {
		return []any{[]string{sampleOf(i).Code, sampleOf(i + 1).Code, "no uuid"}[i%3]}
	}),
	"enum":      count("kind = ? AND kind <> ?", func(i int) []any { return []any{[]string{"active", "idle"}[i%2], "done"} }),
	"bad enum":  count("kind = ?", func(i int) []any { return []any{[]string{"active", "idle", "none"}[i%3]} }),
	"distinct":  count("id IN (SELECT DISTINCT id FROM samples WHERE small > ?)", func(i int) []any { return []any{i} }),
	"values":    count("(id, small) IN (VALUES (?, ?), (?, ?))", func(i int) []any { return []any{i, 1, i + 1, -1} }),
	"two names": count("? = ? AND ? < ?", func(i int) []any { return []any{"a", fmt.Sprint(i), "a", fmt.Sprint(i)} }),
	"limit text": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var ids []int64
		err := db.NewRaw("SELECT id FROM samples ORDER BY id LIMIT ? OFFSET ?", i+1, i).Scan(ctx, &ids)
		return ids, err
	},
	"merge": func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return affected(db.NewRaw("MERGE INTO owners o USING (VALUES (?::bigint, ?)) v (id, email) ON o.id = v.id WHEN MATCHED THEN UPDATE SET email = v.email",
			1+i%2, fmt.Sprint("merged ", i)).Exec(ctx))
	},
}

func count(where string, args func(i int) []any) func(ctx context.Context, db bun.IDB, i int) (any, error) {
	return func(ctx context.Context, db bun.IDB, i int) (any, error) {
		return db.NewSelect().TableExpr("samples").Where(where, args(i)...).Count(ctx)
	}
}

func affected(result interface{ RowsAffected() (int64, error) }, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return result.RowsAffected()
}

func selectSamples(with func(q *bun.SelectQuery, i int) *bun.SelectQuery) func(ctx context.Context, db bun.IDB, i int) (any, error) {
	return func(ctx context.Context, db bun.IDB, i int) (any, error) {
		var list []sample
		err := with(db.NewSelect().Model(&list), i).Order("s.id").Scan(ctx)
		return list, err
	}
}

// What runs prepared and bound gives the rows and the errors of the same
// statement as text.
func TestBoundStatementsAreEqual(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.PoolSize, cfg.MaxOverflow = 1, 0
		textCfg := dbtest.Config(t, cfg.URL.Engine())
		textCfg.StatementCache = 0
		bound, text := samples(t, cfg), samples(t, textCfg)

		all := maps.Clone(builds)
		if cfg.URL.Engine() == dbmodule.PostgreSQL {
			maps.Copy(all, postgreSQLBuilds)
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			for i := range 8 {
				got, gotErr := runBuild(t, bound, all[name], i)
				want, wantErr := runBuild(t, text, all[name], i)
				require.Equal(t, want, got, "%s %d", name, i)
				if wantErr == nil {
					require.NoError(t, gotErr, "%s %d", name, i)
					continue
				}
				names := strings.NewReplacer(cfg.URL.Database(), "db", textCfg.URL.Database(), "db")
				require.EqualError(t, errors.New(names.Replace(gotErr.Error())), names.Replace(wantErr.Error()), "%s %d", name, i)
				wantKind, gotKind := new(dbmodule.Error), new(dbmodule.Error)
				errors.As(wantErr, &wantKind)
				errors.As(gotErr, &gotKind)
				require.Equal(t, wantKind.Kind, gotKind.Kind, "%s %d", name, i)
			}
		}
		for _, table := range []string{"samples", "owners"} {
			query := func(db *dbmodule.Database) (rows []map[string]any) {
				require.NoError(t, db.DB().NewRaw("SELECT * FROM "+table+" ORDER BY id").Scan(t.Context(), &rows))
				return rows
			}
			assert.Equal(t, query(text), query(bound))
		}
		prepared, err := dbmodule.Prepared(t.Context(), bound.DB())
		require.NoError(t, err)
		assert.Greater(t, len(prepared), 15)
		prepared, err = dbmodule.Prepared(t.Context(), text.DB())
		require.NoError(t, err)
		assert.Empty(t, prepared)
	})
}

func samples(t *testing.T, cfg dbmodule.Config) *dbmodule.Database {
	db := dbtest.Open(t, cfg)
	for _, statement := range sampleTables[cfg.URL.Engine()] {
		_, err := db.DB().ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	for i := range 12 {
		s := sampleOf(i)
		_, err := db.DB().NewInsert().Model(&s).Exec(t.Context())
		require.NoError(t, err)
	}
	owners := []owner{{Email: "a@x"}, {Email: "b'@x"}, {Email: "c@x"}}
	_, err := db.DB().NewInsert().Model(&owners).Exec(t.Context())
	require.NoError(t, err)
	return db
}

// runBuild runs a build in a transaction of its own, as JSON: equal bytes.
func runBuild(t *testing.T, db *dbmodule.Database, build func(context.Context, bun.IDB, int) (any, error), i int) (string, error) {
	var result any
	err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) (err error) {
		result, err = build(ctx, s, i)
		return err
	})
	text, jsonErr := json.Marshal(result)
	require.NoError(t, jsonErr)
	return string(text), err
}
