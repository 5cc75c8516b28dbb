package autogen_test

import (
	"encoding/json"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// Columns of things, in the states between which the changes go.
type (
	number struct {
		V int64
	}
	number32 struct {
		V int32
	}
	numberNotNull struct {
		V int64 `bun:",notnull,default:7"`
	}
	number9 struct {
		V int64 `bun:",default:9"`
	}
	numberText struct {
		V string `bun:"type:text,notnull,default:'0'"`
	}
	numberFromText struct {
		V int64 `bun:",notnull,default:0"`
	}
	varchar50 struct {
		V string `bun:"type:varchar(50)"`
	}
	varchar255 struct {
		V string `bun:"type:varchar(255)"`
	}
	text struct {
		V string `bun:"type:text"`
	}
	internet struct {
		V string `bun:"type:inet"`
	}
	binary struct {
		V []byte `bun:"type:blob"`
	}
	truth struct {
		V bool `bun:",notnull,default:true"`
	}
	precise struct {
		V string `bun:"type:numeric(12,4)"`
	}
	coarse struct {
		V string `bun:"type:numeric(10,2)"`
	}
	moment struct {
		V time.Time
	}
	seconds struct {
		V time.Time `bun:"type:timestamptz(0)"`
	}
	day struct {
		V time.Time `bun:"type:date"`
	}
	double struct {
		V float64
	}
	single struct {
		V float64 `bun:"type:float4"`
	}
	document struct {
		V json.RawMessage
	}
	numberAndText struct {
		V int64
		W string
	}
	numberAndNumber struct {
		V int64
		W int64
	}
	numberAndNotNull struct {
		V int64
		W string `bun:",notnull,default:'it''s'"`
	}
	numberAndNow struct {
		V int64
		W time.Time `bun:",notnull,default:now()"`
	}
	numberAndUUID struct {
		V int64
		W string `bun:"type:varchar(64),notnull,default:gen_random_uuid()"`
	}
	numberAndDocument struct {
		V int64
		W map[string]int
	}
	renamedNumber struct {
		Amount int64
	}
	renamedDocument struct {
		Amount json.RawMessage
	}
)

func things2(first, second string) []string {
	return []string{
		"INSERT INTO things (id, v) VALUES (1, " + first + ")",
		"INSERT INTO things (id, v) VALUES (2, " + second + ")",
	}
}

type (
	sortedInC struct {
		Name *string `bun:"type:varchar(40) collate \"C\""`
	}
	unsorted struct {
		Name *string `bun:"type:varchar(40)"`
	}
	otherwiseSorted struct {
		Name *string `bun:"type:varchar(40) collate \"POSIX\",default:'x'"`
	}
)

func columnChanges() []change {
	return []change{
		{
			name: "collation of PostgreSQL given", old: thing[unsorted](), new: thing[sortedInC](), only: engines[1:2],
			rows: []string{"INSERT INTO things (id, name) VALUES (1, 'a'), (2, 'B')"},
			up:   []string{"things AS t WHERE name > 'B'", "information_schema.columns WHERE table_name = 'things' AND collation_name = 'C'"},
		},
		{
			name: "collation of PostgreSQL changed", old: thing[sortedInC](), new: thing[otherwiseSorted](), only: engines[1:2],
			up:   []string{"information_schema.columns WHERE table_name = 'things' AND collation_name = 'POSIX'"},
			down: []string{"information_schema.columns WHERE table_name = 'things' AND collation_name = 'C'"},
		},
		{
			name: "nullable column added",
			old:  thing[number](), new: thing[numberAndText](),
			rows: things2("1", "2"),
			up:   []string{"things WHERE id = 1 AND v = 1 AND w IS NULL"},
			down: []string{"things WHERE id = 2 AND v = 2"},
			work: []string{"INSERT INTO things (id, v, w) VALUES (3, 3, 'w')"},
		},
		{
			name: "not null column with a default added",
			old:  thing[number](), new: thing[numberAndNotNull](),
			rows: things2("1", "2"),
			up:   []string{"things WHERE id = 1 AND v = 1 AND w = 'it''s'"},
			down: []string{"things WHERE id = 2 AND v = 2"},
			work: []string{"INSERT INTO things (id, v) VALUES (3, 3)"},
		},
		{
			name: "column with a moving default added",
			old:  thing[number](), new: thing[numberAndNow](),
			rows: things2("1", "2"),
			up:   []string{"things WHERE id = 1 AND v = 1 AND w IS NOT NULL"},
			down: []string{"things WHERE id = 2 AND v = 2"},
			work: []string{"INSERT INTO things (id, v) VALUES (3, 3)"},
		},
		{
			name: "column with an expression as its default added",
			old:  thing[number](), new: thing[numberAndUUID](),
			rows: things2("1", "2"),
			up:   []string{"things WHERE id = 1 AND LENGTH(w) = 36", "things AS a JOIN things AS b ON a.id = 1 AND b.id = 2 AND a.w <> b.w"},
			work: []string{"INSERT INTO things (id, v) VALUES (3, 3)"},
		},
		{
			name: "JSON column added",
			old:  thing[number](), new: thing[numberAndDocument](),
			rows: things2("1", "2"),
			up:   []string{"things WHERE id = 1 AND v = 1 AND w IS NULL"},
			work: []string{`INSERT INTO things (id, v, w) VALUES (3, 3, '{"a":1}')`},
			only: []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL},
		},
		{
			name: "JSON column added on MySQL",
			old:  thing[number](), new: thing[numberAndDocument](),
			rows: things2("1", "2"),
			up:   []string{"things WHERE id = 1 AND v = 1 AND w IS NULL"},
			work: []string{`INSERT INTO things (id, v, w) VALUES (3, 3, JSON_OBJECT('a', 1))`},
			only: []dbmodule.Engine{dbmodule.MySQL},
		},
		{
			name: "column dropped",
			old:  thing[numberAndText](), new: thing[number](),
			rows: []string{"INSERT INTO things (id, v, w) VALUES (1, 1, 'w')"},
			up:   []string{"things WHERE id = 1 AND v = 1"},
			down: []string{"things WHERE id = 1 AND v = 1 AND w IS NULL"},
		},
		{
			name: "column renamed",
			old:  thing[number](), new: thing[renamedNumber](),
			renames: []string{"things.v=amount"},
			rows:    things2("1", "2"),
			up:      []string{"things WHERE id = 1 AND amount = 1"},
			down:    []string{"things WHERE id = 1 AND v = 1"},
		},
		{
			name: "JSON column renamed",
			old:  thing[document](), new: thing[renamedDocument](),
			renames: []string{"things.v=amount"},
			rows:    things2("'[1]'", "NULL"),
			up:      []string{"things WHERE id = 1 AND amount IS NOT NULL", "things WHERE id = 2 AND amount IS NULL"},
			down:    []string{"things WHERE id = 1 AND v IS NOT NULL"},
		},
		{
			name: "varchar widened, width",
			old:  thing[varchar50](), new: thing[varchar255](),
			rows: things2("'a'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 'a'"},
			down: []string{"things WHERE id = 1 AND v = 'a'"},
		},
		{
			name: "varchar narrowed, width",
			old:  thing[varchar255](), new: thing[varchar50](),
			rows: things2("'a'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 'a'"},
			down: []string{"things WHERE id = 1 AND v = 'a'"},
		},
		{
			name: "varchar to text, width",
			old:  thing[varchar50](), new: thing[text](),
			rows: things2("'a'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 'a'"},
			down: []string{"things WHERE id = 1 AND v = 'a'"},
		},
		{
			name: "int to bigint, width",
			old:  thing[number32](), new: thing[number](),
			rows: things2("1", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 1"},
			down: []string{"things WHERE id = 1 AND v = 1"},
		},
		{
			name: "bigint to int, width",
			old:  thing[number](), new: thing[number32](),
			rows: things2("1", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 1"},
			down: []string{"things WHERE id = 1 AND v = 1"},
		},
		{
			name: "int to text and the way back",
			old:  thing[number](), new: thing[text](),
			rows: things2("12", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = '12'", "things WHERE v IS NULL"},
			down: []string{"things WHERE id = 1 AND v + 1 = 13"},
		},
		{
			name: "text to int with defaults",
			old:  thing[numberText](), new: thing[numberFromText](),
			rows: things2("'12'", "'0'"),
			up:   []string{"things WHERE id = 1 AND v + 1 = 13"},
			down: []string{"things WHERE id = 1 AND v = '12'"},
			work: []string{"INSERT INTO things (id) VALUES (3)"},
		},
		{
			name: "text to int, filled and not null",
			old:  thing[text](), new: thing[numberFromText](),
			rows: things2("'12'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v + 1 = 13", "things WHERE id = 2 AND v = 0"},
			down: []string{"things WHERE id = 1 AND v = '12'", "things WHERE id = 2 AND v = '0'"},
		},
		{
			name: "int to bool with defaults",
			old:  thing[numberNotNull](), new: thing[truth](),
			rows: things2("1", "0"),
			up:   []string{"things WHERE id = 1 AND v", "things WHERE id = 2 AND NOT v"},
			down: []string{"things WHERE id = 1 AND v = 1", "things WHERE id = 2 AND v = 0"},
		},
		{
			name: "bytes to text",
			old:  thing[binary](), new: thing[text](),
			rows: things2("'abc'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 'abc'"},
		},
		{
			name: "int to text, filled and not null",
			old:  thing[number](),
			new: thing[struct {
				V string `bun:"type:text,notnull,default:'00'"`
			}](),
			rows: things2("12", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = '12'", "things WHERE id = 2 AND v = '00'"},
			down: []string{"things WHERE id = 1 AND v = 12", "things WHERE id = 2 AND v = 0"},
		},
		{
			name: "number to bool on PostgreSQL",
			old:  thing[numberNotNull](), new: thing[truth](),
			rows: things2("5", "0"),
			up:   []string{"things WHERE id = 1 AND v", "things WHERE id = 2 AND NOT v"},
			down: []string{"things WHERE id = 1 AND v = 1", "things WHERE id = 2 AND v = 0"},
			only: []dbmodule.Engine{dbmodule.PostgreSQL},
		},
		{
			name: "text to bytes on PostgreSQL",
			old:  thing[text](), new: thing[binary](),
			rows: things2(`'a\b'`, "NULL"),
			up:   []string{`things WHERE id = 1 AND v = convert_to('a\b', 'UTF8')`},
			down: []string{`things WHERE id = 1 AND v = 'a\b'`},
			only: []dbmodule.Engine{dbmodule.PostgreSQL},
		},
		{
			name: "text to inet on PostgreSQL",
			old:  thing[varchar50](), new: thing[internet](),
			rows: things2("'10.0.0.1'", "'10.0.0.0/8'"),
			up:   []string{"things WHERE id = 1 AND v = '10.0.0.1'", "things WHERE id = 2 AND v = '10.0.0.0/8'"},
			down: []string{"things WHERE id = 1 AND v = '10.0.0.1'", "things WHERE id = 2 AND v = '10.0.0.0/8'"},
			only: []dbmodule.Engine{dbmodule.PostgreSQL},
		},
		{
			name: "bytes to text on SQLite",
			old:  thing[binary](), new: thing[text](),
			rows: things2("X'616263'", "NULL"),
			up:   []string{"things WHERE id = 1 AND typeof(v) = 'text' AND v = 'abc'"},
			down: []string{"things WHERE id = 1 AND typeof(v) = 'blob' AND v = X'616263'"},
			only: []dbmodule.Engine{dbmodule.SQLite},
		},
		{
			name: "text to JSON",
			old:  thing[varchar255](), new: thing[document](),
			rows: things2(`'[1]'`, "NULL"),
			up:   []string{"things WHERE id = 1 AND v IS NOT NULL"},
			down: []string{"things WHERE id = 1 AND v = '[1]'"},
			only: []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL},
		},
		{
			name: "nullable to not null, filled",
			old:  thing[number](), new: thing[numberNotNull](),
			rows: things2("1", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 1", "things WHERE id = 2 AND v = 7"},
			down: []string{"things WHERE id = 2 AND v = 7"},
			work: []string{"INSERT INTO things (id) VALUES (3)"},
		},
		{
			name: "not null to nullable",
			old:  thing[numberNotNull](), new: thing[number](),
			rows: things2("1", "2"),
			up:   []string{"things WHERE id = 1 AND v = 1"},
			down: []string{"things WHERE id = 1 AND v = 1"},
			work: []string{"INSERT INTO things (id, v) VALUES (3, NULL)"},
		},
		{
			name: "default added",
			old:  thing[number](), new: thing[number9](),
			rows: things2("1", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 1", "things WHERE id = 2 AND v IS NULL"},
			work: []string{"INSERT INTO things (id) VALUES (3)", "INSERT INTO things (id) SELECT 4 FROM things WHERE v = 9"},
		},
		{
			name: "default dropped",
			old:  thing[number9](), new: thing[number](),
			rows: things2("1", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 1", "things WHERE id = 2 AND v IS NULL"},
			down: []string{"things WHERE id = 2 AND v IS NULL"},
		},
		{
			name: "default changed",
			old:  thing[number9](),
			new: thing[struct {
				V int64 `bun:",default:10"`
			}](),
			rows: things2("1", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 1", "things WHERE id = 2 AND v IS NULL"},
		},
		{
			name: "default of a truth value changed",
			old:  thing[truth](),
			new: thing[struct {
				V bool `bun:",notnull,default:false"`
			}](),
			rows: things2("true", "false"),
			up:   []string{"things WHERE id = 1 AND v", "things WHERE id = 2 AND NOT v"},
			work: []string{"INSERT INTO things (id) VALUES (3)"},
		},
		{
			name: "default to an expression",
			old:  thing[moment](),
			new: thing[struct {
				V time.Time `bun:",notnull,default:now()"`
			}](),
			rows: things2("'2024-02-03 04:05:06'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v < '2025-01-01'", "things WHERE id = 2 AND v > '2025-01-01'"},
			work: []string{"INSERT INTO things (id) VALUES (3)"},
		},
		{
			name: "precision of times narrowed, width",
			old:  thing[moment](), new: thing[seconds](),
			rows: things2("'2024-02-03 04:05:06.25'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = '2024-02-03 04:05:06'"},
			down: []string{"things WHERE id = 1 AND v = '2024-02-03 04:05:06'"},
			only: []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL},
		},
		{
			name: "time to date",
			old:  thing[moment](), new: thing[day](),
			rows: things2("'2024-02-03 00:00:00'", "NULL"),
			up:   []string{"things WHERE id = 1 AND v IS NOT NULL"},
			down: []string{"things WHERE id = 1 AND v IS NOT NULL"},
		},
		{
			name: "precision of a numeric narrowed, width",
			old:  thing[precise](), new: thing[coarse](),
			rows: things2("12.5", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 12.5"},
			down: []string{"things WHERE id = 1 AND v = 12.5"},
		},
		{
			name: "bigint to double",
			old:  thing[number](), new: thing[double](),
			rows: things2("9007199254740993", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 9007199254740992"},
			down: []string{"things WHERE id = 1 AND v = 9007199254740992"},
		},
		{
			name: "double narrowed, width",
			old:  thing[double](), new: thing[single](),
			rows: things2("16777217", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 16777216"},
			down: []string{"things WHERE id = 1 AND v = 16777216"},
			only: engines[1:2],
		},
		{
			name: "int to numeric",
			old:  thing[number32](), new: thing[precise](),
			rows: things2("12", "NULL"),
			up:   []string{"things WHERE id = 1 AND v = 12"},
			down: []string{"things WHERE id = 1 AND v = 12"},
		},
	}
}
