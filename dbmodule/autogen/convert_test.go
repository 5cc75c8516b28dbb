package autogen_test

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

var engines = []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL}

func realm(t *testing.T, engine dbmodule.Engine, models ...any) *schema.Realm {
	t.Helper()
	r, err := autogen.Realm(engine, models...)
	if err != nil {
		t.Fatalf("Realm(%s): %v", engine, err)
	}
	return r
}

func TestColumnTypes(t *testing.T) {
	t.Parallel()

	format := map[dbmodule.Engine]func(schema.Type) (string, error){
		dbmodule.SQLite: sqlite.FormatType, dbmodule.PostgreSQL: postgres.FormatType, dbmodule.MySQL: mysql.FormatType,
	}
	want := map[string][3]string{
		"id":          {"integer", "bigint", "bigint"},
		"bool":        {"boolean", "boolean", "bool"},
		"int":         {"integer", "bigint", "bigint"},
		"int8":        {"integer", "smallint", "smallint"},
		"int16":       {"integer", "smallint", "smallint"},
		"int32":       {"integer", "integer", "int"},
		"uint8":       {"integer", "smallint", "smallint"},
		"uint16":      {"integer", "integer", "int"},
		"uint32":      {"integer", "bigint", "bigint"},
		"uint64":      {"integer", "bigint", "bigint"},
		"float32":     {"real", "real", "double"},
		"float64":     {"real", "double precision", "double"},
		"string":      {"varchar", "character varying", "varchar(255)"},
		"named":       {"varchar", "character varying", "varchar(255)"},
		"text":        {"text", "text", "longtext"},
		"sized":       {"varchar", "character varying(20)", "varchar(20)"},
		"exact":       {"varchar", "character varying(20)", "varchar(20)"},
		"fixed":       {"varchar", "character(4)", "char(4)"},
		"bytes":       {"blob", "bytea", "longblob"},
		"key":         {"blob", "bytea", "binary(8)"},
		"blob":        {"blob", "bytea", "longblob"},
		"time":        {"timestamp", "timestamptz", "datetime(6)"},
		"stamp":       {"timestamp", "timestamptz", "datetime(6)"},
		"null_time":   {"timestamp", "timestamptz", "datetime(6)"},
		"uuid":        {"varchar", "uuid", "char(36)"},
		"typed_uuid":  {"varchar", "uuid", "char(36)"},
		"null_uuid":   {"varchar", "uuid", "char(36)"},
		"map":         {"text", "jsonb", "json"},
		"slice":       {"text", "jsonb", "json"},
		"struct":      {"text", "jsonb", "json"},
		"raw":         {"text", "jsonb", "json"},
		"decimal":     {"numeric", "numeric(20,6)", "decimal(20,6)"},
		"ip":          {"varchar", "inet", "varchar(64)"},
		"addr":        {"varchar", "inet", "varchar(64)"},
		"ptr_int":     {"integer", "bigint", "bigint"},
		"ptr_time":    {"timestamp", "timestamptz", "datetime(6)"},
		"null_int32":  {"integer", "integer", "int"},
		"null_bool":   {"boolean", "boolean", "bool"},
		"generic":     {"integer", "smallint", "smallint"},
		"duration":    {"integer", "bigint", "bigint"},
		"at_street":   {"varchar", "character varying", "varchar(255)"},
		"null_string": {"varchar", "character varying", "varchar(255)"},
	}
	for i, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			table := realm(t, engine, (*values)(nil)).Schemas[0].Tables[0]
			for name, types := range want {
				column, ok := table.Column(name)
				if !ok {
					t.Errorf("no column %s", name)
					continue
				}
				if got, err := format[engine](column.Type.Type); err != nil || got != types[i] {
					t.Errorf("%s is %s, %v, want %s", name, got, err, types[i])
				}
			}
		})
	}
}

// Spellings of types, each understood on all engines.
type spellings struct {
	ID       int64    `bun:",pk"`
	Int8     int64    `bun:"type:INT8"`
	Tiny     int8     `bun:"type:tinyint"`
	Double   float64  `bun:"type:double"`
	Float    float64  `bun:"type:float"`
	Char     string   `bun:"type:character varying(7)"`
	Long     string   `bun:"type:longtext"`
	Bin      []byte   `bun:"type:varbinary(16)"`
	JSON     string   `bun:"type:json"`
	Datetime string   `bun:"type:datetime"`
	Stamp3   string   `bun:"type:timestamp(3) with time zone"`
	Date     string   `bun:"type:date"`
	Time     string   `bun:"type:time"`
	Decimal  string   `bun:"type:decimal(8, 2)"`
	Array    []int64  `bun:"type:bigint[]"`
	Unsigned int64    `bun:"type:int unsigned"`
	Words    []string `bun:",array"`
	Numbers  []int32  `bun:",array"`
}

func TestSpellingsOfTypes(t *testing.T) {
	t.Parallel()
	each(t, []any{(*spellings)(nil)}, func(t *testing.T, d database) {
		create(t, d.db, (*spellings)(nil))
		if got := diff(t, d, (*spellings)(nil)); len(got) != 0 {
			t.Errorf("tables differ from the models by\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestRealmDoesNotDependOnTheOrderOfModels(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			models := library()
			want := ddl(t, engine, models)
			for range models {
				models = append(models[1:], models[0])
				if got := ddl(t, engine, models); got != want {
					t.Fatalf("got\n%s\nwant\n%s", got, want)
				}
			}
		})
	}
}

func ddl(t *testing.T, engine dbmodule.Engine, models []any) string {
	t.Helper()
	var changes []schema.Change
	for _, table := range realm(t, engine, models...).Schemas[0].Tables {
		changes = append(changes, &schema.AddTable{T: table})
	}
	planned, err := autogen.Plan(t.Context(), engine, changes)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, change := range planned {
		b.WriteString(change.Cmd + ";\n")
	}
	return b.String()
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, table := range realm(t, engine, library()...).Schemas[0].Tables {
				for _, index := range table.Indexes {
					if _, isKey := table.ForeignKey(index.Name); !isKey {
						got = append(got, index.Name)
					}
				}
				for _, key := range table.ForeignKeys {
					got = append(got, key.Symbol)
				}
				for _, check := range table.Checks() {
					got = append(got, check.Name)
				}
			}
			for _, name := range got {
				if name == "" || len(name) > 63 {
					t.Errorf("name %q has %d bytes", name, len(name))
				}
			}
			slices.Sort(got)
			if n := len(slices.Compact(slices.Clone(got))); n != len(got) {
				t.Errorf("some of %q are the same", got)
			}
			for _, name := range []string{
				"uq_authors_name", "uq_authors_email_phone", "ix_books_author_id_created_desc", "books_by_price", "price_is_sane",
				"fk_books_author_id", "fk_stock_warehouse_country_warehouse_number", "ck_books_dd402f22", "fk_authors_mentor_id",
				"fk_book_tags_book_id", "uq_a_table_with_a_name_of_nearly_the_longest_that_ther_8a9ff361", "ix_order_größe_desc_名前",
			} {
				if !slices.Contains(got, name) {
					t.Errorf("no %s in %q", name, got)
				}
			}
		})
	}
}

// Two pairs of table and column that look alike when joined.
type alike struct {
	bun.BaseModel `bun:"table:a_b"`
	C             int64 `bun:",unique"`
}

type alikeToo struct {
	bun.BaseModel `bun:"table:a"`
	C             int64 `bun:"b_c,unique"`
}

func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	each(t, []any{(*alike)(nil), (*alikeToo)(nil)}, func(t *testing.T, d database) {
		create(t, d.db, (*alike)(nil), (*alikeToo)(nil))
		if got := diff(t, d, (*alikeToo)(nil), (*alike)(nil)); len(got) != 0 {
			t.Errorf("tables differ from the models by\n%s", strings.Join(got, "\n"))
		}
	})
}

type secret struct{ V string }

func (secret) Value() (driver.Value, error) { return "", nil }

type (
	noColumns struct{ bun.BaseModel }
	anyType   struct {
		Value any
	}
	function struct {
		Value func() `bun:",type:int"`
		Other complex128
	}
	noTarget struct {
		ID      int64 `bun:",pk"`
		TagSlug string
		Tag     *tag `bun:"rel:belongs-to,join:tag_slug=slug"`
	}
	notUnique struct {
		ID    int64 `bun:",pk"`
		Title string
		Book  *author `bun:"rel:belongs-to,join:title=phone"`
	}
	badAction struct {
		ID      int64 `bun:",pk"`
		TagSlug string
		Tag     *tag `bun:"rel:belongs-to,join:tag_slug=slug,on_delete:EXPLODE"`
	}
	notNull struct {
		ID      int64  `bun:",pk"`
		TagSlug string `bun:",notnull"`
		Tag     *tag   `bun:"rel:belongs-to,join:tag_slug=slug,on_delete:SET NULL"`
	}
	setDefault struct {
		ID      int64 `bun:",pk"`
		TagSlug string
		Tag     *tag `bun:"rel:belongs-to,join:tag_slug=slug,on_delete:SET DEFAULT"`
	}
	missingColumn struct {
		ID  int64 `bun:",pk"`
		Tag *tag  `bun:"rel:belongs-to,join:nothing=slug"`
	}
	missingM2M struct {
		ID   int64 `bun:",pk"`
		Tags []tag `bun:"m2m:nowhere,join:A=B"`
	}
	otherTags struct {
		bun.BaseModel `bun:"table:tags"`
		ID            int64
	}
	bareNumeric struct {
		Amount string `bun:"type:numeric"`
	}
	badDefault struct {
		Amount int64 `bun:",default:many"`
		Flag   bool  `bun:",default:'maybe'"`
	}
	innerQuote struct {
		ID   int64          `bun:",pk"`
		Data map[string]any `bun:"type:jsonb,default:'{\"a\":1}'"`
	}
	openQuote struct {
		Word string `bun:",default:'a, b'"`
	}
	numberedText struct {
		ID string `bun:",pk,autoincrement"`
	}
	numberedPart struct {
		A int64 `bun:",pk"`
		B int64 `bun:",pk,autoincrement"`
	}
	longKey struct {
		Body string `bun:"type:text,unique"`
	}
	longTable struct {
		bun.BaseModel `bun:"table:a_table_whose_name_has_more_than_the_sixty_four_characters_of_mysql"`
		ID            int64
	}
	quoteName struct {
		ID int64 `bun:"a'b"`
	}
	collated struct {
		Name string `bun:"type:varchar(5) collate nocase"`
	}
	otherSchema struct {
		bun.BaseModel `bun:"table:other.things"`
		ID            int64
	}
	withIndex struct {
		bun.BaseModel `bun:"table:with_index"`
		ID            int64
	}
)

type indexNothing struct{ withIndex }

func (indexNothing) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"nothing DESC"}}}
}

type indexEmpty struct{ withIndex }

func (indexEmpty) Indexes() []dbmodule.Index { return []dbmodule.Index{{}} }

type indexTwice struct{ withIndex }

func (indexTwice) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"id"}}, {Columns: []string{"id"}}}
}

type indexPartial struct{ withIndex }

func (indexPartial) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"id"}, Unique: true, Where: "id > 3"}}
}

type indexNamed struct{ withIndex }

func (indexNamed) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "x", Columns: []string{"id"}}, {Name: "x", Columns: []string{"id DESC"}}}
}

type checkEmpty struct{ withIndex }

func (checkEmpty) Checks() []dbmodule.Check { return []dbmodule.Check{{Name: "x"}} }

type commentNothing struct{ withIndex }

func (commentNothing) TableComment() string              { return "" }
func (commentNothing) ColumnComments() map[string]string { return map[string]string{"nothing": "x"} }

func TestErrorsNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	all := engines
	only := func(engine dbmodule.Engine) []dbmodule.Engine { return []dbmodule.Engine{engine} }

	tests := []struct {
		name    string
		engines []dbmodule.Engine
		models  []any
		want    []string
	}{
		{"nil", all, []any{nil}, []string{"<nil>", "pointer to a struct"}},
		{"no pointer", all, []any{tag{}}, []string{"autogen_test.tag", "pointer to a struct"}},
		{"no struct", all, []any{new(int)}, []string{"*int"}},
		{"no columns", all, []any{(*noColumns)(nil)}, []string{"model autogen_test.noColumns", "no columns"}},
		{"any", all, []any{(*anyType)(nil)}, []string{"model autogen_test.anyType", "column value", "type tag"}},
		{"complex", all, []any{(*function)(nil)}, []string{"model autogen_test.function", "column other", "complex128"}},
		{"target that is no model", all, []any{(*noTarget)(nil)}, []string{"model autogen_test.noTarget", "relation Tag", "model autogen_test.tag"}},
		{"target that is not unique", all, []any{(*notUnique)(nil), (*author)(nil)}, []string{"model autogen_test.notUnique", "relation Book", "authors(phone)"}},
		{"unknown action", all, []any{(*badAction)(nil), (*tag)(nil)}, []string{"model autogen_test.badAction", "relation Tag", "EXPLODE"}},
		{"set null on not null", all, []any{(*notNull)(nil), (*tag)(nil)}, []string{"model autogen_test.notNull", "relation Tag", "tag_slug"}},
		{"set default", only(dbmodule.MySQL), []any{(*setDefault)(nil), (*tag)(nil)}, []string{"model autogen_test.setDefault", "SET DEFAULT"}},
		{"relation without column", all, []any{(*missingColumn)(nil)}, []string{"missingColumn", "nothing"}},
		{"join table that is no model", all, []any{(*missingM2M)(nil)}, []string{"missingM2M", "nowhere"}},
		{"two models of a table", all, []any{(*tag)(nil), (*otherTags)(nil)}, []string{"otherTags", ".tag ", "table tags"}},
		{"numeric without precision", only(dbmodule.MySQL), []any{(*bareNumeric)(nil)}, []string{"model autogen_test.bareNumeric", "column amount", "precision"}},
		{"default of another type", all, []any{(*badDefault)(nil)}, []string{"model autogen_test.badDefault", "column flag", "maybe"}},
		{"double quotes in a default", all, []any{(*innerQuote)(nil)}, []string{"model autogen_test.innerQuote", "column data", `default:\"…\"`}},
		{"open quote", all, []any{(*openQuote)(nil)}, []string{"model autogen_test.openQuote", "column word", "quote"}},
		{"numbered text", all, []any{(*numberedText)(nil)}, []string{"model autogen_test.numberedText", "column id", "integer"}},
		{"numbered part of a key", only(dbmodule.SQLite), []any{(*numberedPart)(nil)}, []string{"model autogen_test.numberedPart", "column b"}},
		{"numbered second part of a key", only(dbmodule.MySQL), []any{(*numberedPart)(nil)}, []string{"model autogen_test.numberedPart", "column b", "first column"}},
		{"key without length", only(dbmodule.MySQL), []any{(*longKey)(nil)}, []string{"model autogen_test.longKey", "column body", "length"}},
		{"long name", only(dbmodule.PostgreSQL), []any{(*longTable)(nil)}, []string{"model autogen_test.longTable", "63"}},
		{"long name", only(dbmodule.MySQL), []any{(*longTable)(nil)}, []string{"model autogen_test.longTable", "64"}},
		{"quote in a name", only(dbmodule.SQLite), []any{(*quoteName)(nil)}, []string{"model autogen_test.quoteName", `column a'b`}},
		{"collation of another engine", all, []any{(*collated)(nil)}, []string{"model autogen_test.collated", "column name", "collation"}},
		{"schema", only(dbmodule.SQLite), []any{(*otherSchema)(nil)}, []string{"model autogen_test.otherSchema", "other.things", "no schemas"}},
		{"index on nothing", all, []any{(*indexNothing)(nil)}, []string{"model autogen_test.indexNothing", "nothing"}},
		{"index without columns", all, []any{(*indexEmpty)(nil)}, []string{"model autogen_test.indexEmpty", "no columns"}},
		{"index twice", all, []any{(*indexTwice)(nil)}, []string{"model autogen_test.indexTwice", "twice"}},
		{"index name twice", all, []any{(*indexNamed)(nil)}, []string{"model autogen_test.indexNamed", `"x"`, "twice"}},
		{"partial unique index", only(dbmodule.MySQL), []any{(*indexPartial)(nil)}, []string{"model autogen_test.indexPartial", "condition"}},
		{"empty check", all, []any{(*checkEmpty)(nil)}, []string{"model autogen_test.checkEmpty", "expression"}},
		{"comment on nothing", all, []any{(*commentNothing)(nil)}, []string{"model autogen_test.commentNothing", "nothing"}},
	}
	for _, tt := range tests {
		for _, engine := range tt.engines {
			t.Run(fmt.Sprintf("%s/%s", tt.name, engine), func(t *testing.T) {
				t.Parallel()
				_, err := autogen.Realm(engine, tt.models...)
				if err == nil {
					t.Fatal("no error")
				}
				for _, want := range append(tt.want, "autogen: ") {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q doesn't say %q", err, want)
					}
				}
			})
		}
	}
	if _, err := autogen.Realm("oracle"); err == nil {
		t.Error("no error for an unknown engine")
	}
}

type partial struct {
	bun.BaseModel `bun:"table:partials"`

	ID      int64 `bun:",pk,autoincrement"`
	Email   string
	Deleted time.Time `bun:",nullzero"`
}

func (partial) Indexes() []dbmodule.Index {
	return []dbmodule.Index{
		{Columns: []string{"email"}, Unique: true, Where: "deleted IS NULL"},
		{Columns: []string{"email"}, Unique: true, Where: "(email = 'a') OR (email = 'b')"},
	}
}

func TestPartialUniqueIndex(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		if d.engine == dbmodule.MySQL {
			return // an error there: see TestErrorsNameWhatIsWrong
		}
		create(t, d.db, (*partial)(nil))
		if got := diff(t, d, (*partial)(nil)); len(got) != 0 {
			t.Errorf("tables differ from the models by\n%s", strings.Join(got, "\n"))
		}
		insert := func(p partial) error {
			_, err := d.db.NewInsert().Model(&p).Exec(t.Context())
			return err
		}
		if err := insert(partial{Email: "x", Deleted: time.Now()}); err != nil {
			t.Error(err)
		}
		if err := insert(partial{Email: "x"}); err != nil {
			t.Error(err)
		}
		if err := insert(partial{Email: "x"}); err == nil {
			t.Error("the index does not refuse equal rows")
		}
	})
}

// A has-one relation is a foreign key only from a column that is no key.
type passport struct {
	bun.BaseModel `bun:"table:passports"`

	ID       int64 `bun:",pk"`
	OwnerID  int64
	Owner    *owner `bun:"rel:has-one,join:owner_id=id"`
	Previous *owner `bun:"rel:belongs-to,join:owner_id=id,on_delete:CASCADE"`
	Friend   *owner `bun:"rel:belongs-to,join:owner_id=id,join_on:id > 3"`
	Secret   secret `bun:"type:text"`
}

type owner struct {
	bun.BaseModel `bun:"table:owners"`

	ID       int64     `bun:",pk"`
	Passport *passport `bun:"rel:has-one,join:id=owner_id"`
}

func TestHasOne(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			s := realm(t, engine, (*owner)(nil), (*passport)(nil)).Schemas[0]
			owners, passports := s.Tables[0], s.Tables[1]
			if len(owners.ForeignKeys) != 0 || len(passports.ForeignKeys) != 1 {
				t.Fatalf("%d and %d foreign keys, want 0 and 1", len(owners.ForeignKeys), len(passports.ForeignKeys))
			}
			if key := passports.ForeignKeys[0]; key.RefTable != owners || key.OnDelete != schema.Cascade || key.Symbol != "fk_passports_owner_id" {
				t.Errorf("key = %+v", key)
			}
		})
	}
}
