package modelcode_test

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/autogen/modelcode"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// odd are tables with what is odd in Go: names that are none, that meet, that
// belong to the language, and texts with quotes, commas and backquotes.
var odd = []string{
	"CREATE TABLE type_2s (id integer NOT NULL PRIMARY KEY, base_model varchar(9), indexes varchar(9), a_b integer, \"a-b\" integer, url varchar(9) DEFAULT 'a, `b` \"c\"' NOT NULL)",
	"CREATE TABLE \"2fast\" (x varchar(9) PRIMARY KEY, type_id integer REFERENCES type_2s (id), other_type_id integer CONSTRAINT fk_other REFERENCES type_2s (id))",
	"CREATE TABLE people (id integer PRIMARY KEY, person_id integer REFERENCES people (id), CHECK (id <> '\"`'))",
	"CREATE TABLE models (id integer PRIMARY KEY)",
	"CREATE TABLE made (id integer PRIMARY KEY, \"type\" integer, \"it's [one]\" integer REFERENCES models (id), \"c,d\" integer, e integer AS (id * 2) STORED UNIQUE, f integer AS (id + 1) CONSTRAINT fk_f REFERENCES models (id))",
	"CREATE INDEX ix_f ON made (f, id)",
}

func TestWriteOddNames(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	if err := cfg.URL.UnmarshalText([]byte(dbtest.URL(t, dbmodule.SQLite))); err != nil {
		t.Fatal(err)
	}
	db := dbtest.Open(t, cfg).DB()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	write := func(conn bun.Conn) string {
		found, err := autogen.InspectTables(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		text, err := modelcode.Write(dbmodule.SQLite, found, "store")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, statement := range odd {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	text := write(conn)
	if _, err := parser.ParseFile(token.NewFileSet(), "models.go", text, parser.AllErrors); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, want := range []string{
		"package store", "type X2fast struct", "type Type2 struct", "type Person struct", "type Model struct",
		`Columns:     []string{"it's \\[one]", "e", "f"},`, `Indexes:     []string{"uq_made_e", "ix_f"},`, `ForeignKeys: []string{"fk_f"},`,
		"`bun:\"column:type\"`", "`bun:\"column:\\\"c,d\\\"\"`", "`bun:\"e,type:integer,scanonly\"`",
		"\tBaseModel2 ", "\tIndexes2 ", "\tAB ", "\tAB2 ", "\tURL ",
		"\tType ", "\tOtherType ", "rel:belongs-to,join:other_type_id=id", "\tPerson ", `"other_type_id": "fk_other"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if again := write(conn); again != text {
		t.Error("the same tables give another text")
	}
}

// MySQL has types that a type tag does not mean there: a model says them for MySQL alone.
func TestWriteTypesOfMySQL(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	if err := cfg.URL.UnmarshalText([]byte(dbtest.URL(t, dbmodule.MySQL))); err != nil {
		t.Fatal(err)
	}
	db := dbtest.Open(t, cfg).DB()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE notes (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, body text NOT NULL, "+
		"seen timestamp NULL, weight float NOT NULL DEFAULT 1.5, title varchar(40) NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE pairs (a int NOT NULL, n int, b int NOT NULL, PRIMARY KEY (b, a))"); err != nil {
		t.Fatal(err)
	}
	found, err := autogen.InspectTables(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	text, err := modelcode.Write(dbmodule.MySQL, found, "store")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"func (*Note) ColumnTypes(engine dbmodule.Engine) map[string]string {\n\tif engine != dbmodule.MySQL {",
		`"body":   "text",`, `"seen":   "timestamp",`, `"weight": "float",`, "`bun:\"body,notnull\"`",
		"\tB int32  `bun:\"b,pk\"`\n\tN *int32 `bun:\"n\"`\n\tA int32  `bun:\"a,pk\"`\n", // in the key's order
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for _, not := range []string{`"title":`, "Unmanaged"} {
		if strings.Contains(string(text), not) {
			t.Errorf("%q is in\n%s", not, text)
		}
	}
}
