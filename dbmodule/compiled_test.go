package dbmodule_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Mood is a type with a form of its own in the database.
type Mood struct{ word string }

func (m Mood) Value() (driver.Value, error) { return "mood:" + m.word, nil }

func (m *Mood) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		m.word = "none"
	case []byte:
		m.word = strings.TrimPrefix(string(value), "mood:")
	case string:
		m.word = strings.TrimPrefix(value, "mood:")
	default:
		return fmt.Errorf("a mood from %T", value)
	}
	return nil
}

type word string

// Base is embedded.
type Base struct {
	Owner string `bun:"owner,notnull,type:varchar(50)"`
	Level int    `bun:"level,notnull"`
}

// Thing has a field of every kind.
type Thing struct {
	bun.BaseModel `bun:"table:things,alias:t"`

	ID int64 `bun:"id,pk,autoincrement"`
	Base
	Text     string            `bun:"text,notnull,type:varchar(200)"`
	Word     word              `bun:"word,type:varchar(50)"`
	Small    int16             `bun:"small"`
	Unsigned uint32            `bun:"unsigned"`
	Ratio    float64           `bun:"ratio"`
	Single   float32           `bun:"single"`
	Done     bool              `bun:"done"`
	Moment   time.Time         `bun:"moment,type:datetime(6)"`
	Bytes    []byte            `bun:"bytes"`
	Object   map[string]string `bun:"object,type:json"`
	List     []int             `bun:"list,type:json"`
	Raw      json.RawMessage   `bun:"raw,type:json"`
	Pointer  *string           `bun:"pointer,type:varchar(50)"`
	Number   *int64            `bun:"number"`
	Later    *time.Time        `bun:"later,type:datetime(6)"`
	Mood     Mood              `bun:"mood,type:varchar(50)"`
	Null     sql.NullString    `bun:"nullstring,type:varchar(50)"`
	Zero     string            `bun:"zero,nullzero,type:varchar(50)"`
	ZeroTime time.Time         `bun:"zerotime,nullzero,type:datetime(6)"`
	Default  string            `bun:"preset,nullzero,notnull,default:'preset',type:varchar(50)"`
	Points   int64             `bun:"points,notnull,default:7"`
	Extra    string            `bun:"extra,scanonly"`
}

// things are rows that differ in which fields are zero.
func things() []Thing {
	text, number, later := "it's a \"pointer\" \\ ?", int64(-5), time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)
	full := Thing{
		Base: Base{"owner", -3}, Text: "it's ?0 ?text ' \\ \"quoted\" äöü 日本", Word: "word", Small: -7, Unsigned: 4_000, Ratio: 0.1, Single: 1.5, Done: true,
		Moment: later, Bytes: []byte{0, 1, 255}, Object: map[string]string{"a": "b'c"}, List: []int{1, 2}, Raw: json.RawMessage(`{"x": [1, "'"]}`),
		Pointer: &text, Number: &number, Later: &later, Mood: Mood{"calm"}, Null: sql.NullString{String: "there", Valid: true}, Zero: "z", ZeroTime: later, Default: "own", Points: 9,
	}
	empty := Thing{Moment: later, Mood: Mood{"sad"}, Raw: json.RawMessage(`null`)}
	large := full
	large.Text, large.Points, large.Ratio, large.Single = strings.Repeat("x", 150), 1<<53+1, 1e300, -2.5e-10
	preset := full
	preset.Default, preset.Points, preset.Pointer = "", 0, nil
	return []Thing{full, empty, large, preset}
}

type byID struct{ ID int64 }

func thingQueries(t *testing.T, db *dbmodule.Database) (*dbmodule.CompiledInsert[Thing], *dbmodule.Compiled[Thing, byID]) {
	t.Helper()
	insert, err := dbmodule.CompileInsert[Thing](db.Sessions(), func(q *bun.InsertQuery) *bun.InsertQuery { return q })
	require.NoError(t, err)
	get, err := dbmodule.CompileSelect[Thing, byID](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("t.id = ?id") })
	require.NoError(t, err)
	return insert, get
}

// createThings makes the table of things.
func createThings(t *testing.T, db *dbmodule.Database) {
	t.Helper()
	query := db.DB().NewCreateTable().Model((*Thing)(nil)).String()
	if db.Engine() == dbmodule.PostgreSQL {
		query = strings.ReplaceAll(query, "datetime(6)", "timestamptz")
	}
	_, err := db.DB().ExecContext(t.Context(), strings.ReplaceAll(query, "?", "\\?"))
	require.NoError(t, err)
}

// Compiled queries store and read every type of field as Bun's builders do, the first
// time and later, when they run prepared.
func TestCompiledQueriesEqualBuns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		createThings(t, db)
		insert, get := thingQueries(t, db)
		all, err := dbmodule.CompileSelect[Thing, byID](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.ColumnExpr("t.*").ColumnExpr("lower(t.text) AS extra").Where("t.id >= ?id").OrderExpr("t.id")
		})
		require.NoError(t, err)
		for range 3 {
			for i, thing := range things() {
				require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					byBun, compiled := thing, thing
					want, err := s.NewInsert().Model(&byBun).Exec(ctx)
					require.NoError(t, err)
					got, err := insert.Exec(ctx, s, &compiled)
					require.NoError(t, err)
					assert.Equal(t, rowsIn(t, want), rowsIn(t, got))
					require.Equal(t, byBun.ID+1, compiled.ID)
					expected := byBun
					expected.ID = compiled.ID
					assert.Equal(t, expected, compiled, "thing %d, as it is after the insert", i)

					for _, id := range []int64{byBun.ID, compiled.ID} {
						var want Thing
						require.NoError(t, s.NewSelect().Model(&want).Where("t.id = ?", id).Scan(ctx))
						got, err := get.One(ctx, s, byID{id})
						require.NoError(t, err)
						assert.Equal(t, want, *got, "thing %d", i)
						if id == compiled.ID {
							want.ID = byBun.ID
							again, err := get.One(ctx, s, byID{byBun.ID})
							require.NoError(t, err)
							assert.Equal(t, want, *again, "thing %d, stored by both", i)
						}
					}
					return nil
				}))
			}
		}
		s := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { require.NoError(t, s.Close()) }()
		for range 3 {
			var want []Thing
			require.NoError(t, s.NewSelect().Model(&want).ColumnExpr("t.*").ColumnExpr("lower(t.text) AS extra").Where("t.id >= ?", 2).OrderExpr("t.id").Scan(t.Context()))
			got, err := all.All(t.Context(), s, byID{2})
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.Len(t, got, 23)
		}
		none, err := all.All(t.Context(), s, byID{1000})
		require.NoError(t, err)
		assert.Equal(t, []Thing{}, none)
		_, err = get.One(t.Context(), s, byID{1000})
		require.ErrorIs(t, err, dbmodule.ErrNotFound)
		assert.False(t, s.Active(), "a statement by itself has given its connection back")
	})
}

func rowsIn(t *testing.T, result sql.Result) int64 {
	t.Helper()
	n, err := result.RowsAffected()
	require.NoError(t, err)
	return n
}

func TestCompiledInsertOfMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		createThings(t, db)
		insert, _ := thingQueries(t, db)
		same, mixed := make([]Thing, 5), things()
		for i := range same {
			same[i] = things()[0]
			same[i].Text = fmt.Sprint("thing ", i)
		}
		for name, rows := range map[string][]Thing{"alike": same, "one": same[:1], "not alike": mixed} {
			for range 3 {
				require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
					byBun, compiled := append([]Thing(nil), rows...), append([]Thing(nil), rows...)
					want, wantErr := s.NewInsert().Model(&byBun).Exec(ctx)
					if wantErr != nil {
						return s.Rollback(ctx) // as SQLite does for those that are not alike
					}
					got, err := insert.ExecAll(ctx, s, &compiled)
					require.NoError(t, err, name)
					assert.Equal(t, rowsIn(t, want), rowsIn(t, got), name)
					require.Len(t, compiled, len(rows))
					for i := range compiled {
						assert.Equal(t, byBun[i].ID+int64(len(rows)), compiled[i].ID, name)
						byBun[i].ID = compiled[i].ID
					}
					assert.Equal(t, byBun, compiled, name)
					return nil
				}))
			}
		}
		s := db.Sessions().New()
		defer func() { require.NoError(t, s.Close()) }()
		_, want := s.NewInsert().Model(new([]Thing)).Exec(t.Context())
		require.NoError(t, s.Rollback(t.Context()))
		_, err := insert.ExecAll(t.Context(), s, new([]Thing))
		require.ErrorContains(t, err, want.Error(), "none")
	})
}

type rename struct {
	Name string
	From string
	More int64
}

// ranked is an account with a column that is computed.
type ranked struct {
	bun.BaseModel `bun:"table:accounts,alias:a"`

	Name string `bun:"name"`
	Rank int64  `bun:"rank,scanonly"`
}

func TestCompiledUpdateDeleteAndUpsert(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		sessions := db.Sessions()
		update, err := dbmodule.CompileUpdate[Account, rename](sessions, func(q *bun.UpdateQuery) *bun.UpdateQuery {
			return q.Set("name = ?name").Set("balance = balance + ?more").Where("name = ?from")
		})
		require.NoError(t, err)
		store, err := dbmodule.CompileUpdate[Account, Account](sessions, func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Column("name", "balance").WherePK() })
		require.NoError(t, err)
		remove, err := dbmodule.CompileDelete[Account, byID](sessions, func(q *bun.DeleteQuery) *bun.DeleteQuery { return q.WherePK() })
		require.NoError(t, err)
		upsert, err := dbmodule.CompileInsert[Account](sessions, func(q *bun.InsertQuery) *bun.InsertQuery {
			if db.Engine() == dbmodule.MySQL {
				return q.On("DUPLICATE KEY UPDATE").Set("balance = VALUES(balance)")
			}
			return q.On("CONFLICT (name) DO UPDATE").Set("balance = EXCLUDED.balance")
		})
		require.NoError(t, err)
		rank, err := dbmodule.CompileSelect[ranked, struct{}](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Column("name").ColumnExpr("balance AS rank").OrderExpr("rank DESC, name")
		})
		require.NoError(t, err)
		require.NoError(t, sessions.InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			for i := range 4 {
				account := Account{Name: fmt.Sprint("a", i%2), Balance: int64(i)}
				_, err := upsert.Exec(ctx, s, &account)
				require.NoError(t, err)
			}
			result, err := update.Exec(ctx, s, rename{Name: "b'0", From: "a0", More: -10})
			require.NoError(t, err)
			assert.EqualValues(t, 1, rowsIn(t, result))
			var a1 Account
			require.NoError(t, s.NewSelect().Model(&a1).Where("name = 'a1'").Scan(ctx))
			a1.Balance = 70
			_, err = store.Exec(ctx, s, a1)
			require.NoError(t, err)
			found, err := rank.All(ctx, s, struct{}{})
			require.NoError(t, err)
			assert.Equal(t, []ranked{{Name: "a1", Rank: 70}, {Name: "b'0", Rank: -8}}, found)
			result, err = remove.Exec(ctx, s, byID{a1.ID})
			require.NoError(t, err)
			assert.EqualValues(t, 1, rowsIn(t, result))
			return nil
		}))
		assert.Equal(t, []string{"b'0"}, names(t, db))
	})
}

type hooked struct {
	bun.BaseModel `bun:"table:accounts"`

	ID    int64    `bun:"id,pk,autoincrement"`
	Name  string   `bun:"name"`
	calls []string `bun:"-"`
}

func (h *hooked) BeforeAppendModel(_ context.Context, query bun.Query) error {
	if h.Name == "refused" {
		return errors.New("a name that the hook refuses")
	}
	h.Name += "+" + query.Operation()
	return nil
}

func (h *hooked) BeforeScanRow(context.Context) error {
	h.calls = append(h.calls, "before")
	return nil
}

func (h *hooked) AfterScanRow(context.Context) error {
	h.calls = append(h.calls, "after "+h.Name)
	return nil
}

func TestCompiledQueriesCallHooksOfRows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		insert, err := dbmodule.CompileInsert[hooked](db.Sessions(), func(q *bun.InsertQuery) *bun.InsertQuery { return q.Value("balance", "?", 1) })
		require.NoError(t, err)
		all, err := dbmodule.CompileSelect[hooked, struct{}](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery { return q.OrderExpr("id") })
		require.NoError(t, err)
		s := db.Sessions().New()
		defer func() { require.NoError(t, s.Close()) }()
		rows := []hooked{{Name: "b"}, {Name: "c"}}
		_, err = insert.Exec(t.Context(), s, &hooked{Name: "a"})
		require.NoError(t, err)
		_, err = insert.ExecAll(t.Context(), s, &rows)
		require.NoError(t, err)
		_, err = insert.Exec(t.Context(), s, &hooked{Name: "refused"})
		require.ErrorContains(t, err, "the hook refuses")
		found, err := all.All(t.Context(), s, struct{}{})
		require.NoError(t, err)
		require.Len(t, found, 3)
		for i, name := range []string{"a+INSERT", "b+INSERT", "c+INSERT"} {
			assert.Equal(t, []string{"before", "after " + name}, found[i].calls)
		}
	})
}

// Each gives the rows one by one, and ends where it is told.
func TestEach(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		createThings(t, db)
		insert, _ := thingQueries(t, db)
		rows := things()[:3]
		for i := range rows {
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := insert.Exec(ctx, s, &rows[i])
				return err
			}))
		}
		from, err := dbmodule.CompileSelect[Thing, byID](db.Sessions(), func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("t.id >= ?id").OrderExpr("t.id")
		})
		require.NoError(t, err)
		reader, err := dbmodule.NewReader[Thing](db.Sessions())
		require.NoError(t, err)
		for name, each := range map[string]func(context.Context, *dbmodule.Session, byID, func(*Thing) bool) error{
			"compiled": from.Each,
			"ordinary": func(ctx context.Context, s *dbmodule.Session, from byID, do func(*Thing) bool) error {
				return reader.Each(ctx, s, s.NewSelect().Model((*Thing)(nil)).Where("t.id >= ?", from.ID).Order("t.id"), do)
			},
		} {
			t.Run(name, func(t *testing.T) { eachIsLikeAll(t, db, from, each) })
		}
	})
}

// eachIsLikeAll compares Each of a query with All.
func eachIsLikeAll(
	t *testing.T, db *dbmodule.Database, from *dbmodule.Compiled[Thing, byID],
	each func(context.Context, *dbmodule.Session, byID, func(*Thing) bool) error,
) {
	t.Helper()
	for _, option := range []dbmodule.SessionOption{dbmodule.ReadOnly(), dbmodule.Autocommit(), dbmodule.Snapshot()} {
		s := db.Sessions().New(option)
		for range 3 {
			want, err := from.All(t.Context(), s, byID{1})
			require.NoError(t, err)
			require.Len(t, want, 3)
			var found []Thing
			require.NoError(t, each(t.Context(), s, byID{1}, func(row *Thing) bool {
				found = append(found, *row)
				assert.ErrorIs(t, s.NewSelect().Model(new(Thing)).Limit(1).Scan(t.Context()), dbmodule.ErrConcurrentUse)
				return true
			}))
			assert.Equal(t, want, found, "nothing of a row is left in the next")
			calls := 0
			require.NoError(t, each(t.Context(), s, byID{1}, func(*Thing) bool {
				calls++
				return calls < 2
			}))
			assert.Equal(t, 2, calls)
			require.NoError(t, each(t.Context(), s, byID{1000}, func(*Thing) bool {
				t.Error("there is no row")
				return true
			}))
		}
		require.NoError(t, s.Close())
	}
}

// A Reader reads queries with other columns in turns, and says what it can't read.
func TestReader(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		_, err := dbmodule.NewReader[int](db.Sessions())
		require.EqualError(t, err, "dbmodule: make reader of int: the model is int: want a struct")
		createThings(t, db)
		insert, _ := thingQueries(t, db)
		rows := things()[:2]
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			_, err := insert.ExecAll(ctx, s, &rows)
			return err
		}))
		reader, err := dbmodule.NewReader[Thing](db.Sessions())
		require.NoError(t, err)
		s := db.Sessions().New(dbmodule.ReadOnly())
		defer func() { assert.NoError(t, s.Close()) }()
		for _, columns := range [][]string{{"id", "text"}, {"text"}, {"text", "id", "moment"}, {"id", "text"}} {
			var want, found []Thing
			require.NoError(t, s.NewSelect().Model(&want).Column(columns...).Order("id").Scan(t.Context()))
			require.NoError(t, reader.Each(t.Context(), s, s.NewSelect().Model((*Thing)(nil)).Column(columns...).Order("id"), func(row *Thing) bool {
				found = append(found, *row)
				return true
			}))
			require.Len(t, found, 2)
			assert.Equal(t, want, found, columns)
		}
		never := func(*Thing) bool {
			t.Error("there is no row")
			return false
		}
		q := func() *bun.SelectQuery { return s.NewSelect().Model((*Thing)(nil)) }
		require.ErrorContains(t, reader.Each(t.Context(), s, q().ColumnExpr("1 AS other"), never), `does not have column "other"`)
		require.Error(t, reader.Each(t.Context(), s, q().Where("no_column = 1"), never))
		require.NoError(t, reader.Each(t.Context(), s, q().Where("1 = 0"), never))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, reader.Each(ctx, s, q(), never), context.Canceled)
	})
}
