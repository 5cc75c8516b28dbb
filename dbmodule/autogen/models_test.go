package autogen_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// The library has one of everything that tables can have.

type author struct {
	bun.BaseModel `bun:"table:authors"`

	ID     int64     `bun:",pk,autoincrement"`
	Name   string    `bun:",notnull,unique"`
	Email  string    `bun:",notnull,unique:contact"`
	Phone  string    `bun:",unique:contact"`
	Born   time.Time `bun:",nullzero"`
	Mentor *author   `bun:"rel:belongs-to,join:mentor_id=id,on_delete:SET NULL"`

	MentorID *int64
	Books    []book `bun:"rel:has-many,join:id=author_id"`
}

func (author) TableComment() string { return "Who writes; it's \"people\"" }

func (author) ColumnComments() map[string]string {
	return map[string]string{"name": "as on the cover", "email": "ünïcode ✓ and 'quotes'?"}
}

type book struct {
	bun.BaseModel `bun:"table:books"`

	ID       uuid.UUID `bun:",pk,type:uuid"`
	AuthorID int64     `bun:",notnull"`
	Author   *author   `bun:"rel:belongs-to,join:author_id=id,on_delete:CASCADE,on_update:RESTRICT"`
	Title    string    `bun:",notnull"`
	Price    float64   `bun:",notnull,default:0"`
	State    string    `bun:",notnull,default:'draft'"`
	Public   bool      `bun:",notnull,default:false"`
	Created  time.Time `bun:",notnull,default:current_timestamp"`
	Tags     []tag     `bun:"m2m:book_tags,join:Book=Tag"`
}

func (*book) Indexes() []dbmodule.Index {
	return []dbmodule.Index{
		{Columns: []string{"author_id", "created DESC"}},
		{Columns: []string{"title"}, Where: "state = 'published'"},
		{Name: "books_by_price", Columns: []string{"price ASC"}},
		{Columns: []string{"author_id", "title"}, Unique: true},
	}
}

func (*book) Checks() []dbmodule.Check {
	return []dbmodule.Check{
		{Name: "price_is_sane", Expression: "price >= 0"},
		{Expression: "(state = 'draft') or (state = 'published')"},
	}
}

type tag struct {
	bun.BaseModel `bun:"table:tags"`

	Slug string `bun:",pk"`
}

type bookTag struct {
	bun.BaseModel `bun:"table:book_tags"`

	BookID  uuid.UUID `bun:",pk,type:uuid"`
	Book    *book     `bun:"rel:belongs-to,join:book_id=id,on_delete:CASCADE"`
	TagSlug string    `bun:",pk"`
	Tag     *tag      `bun:"rel:belongs-to,join:tag_slug=slug"`
}

// A composite key and one that refers to it.

type warehouse struct {
	bun.BaseModel `bun:"table:warehouses"`

	Country string `bun:",pk,type:varchar(2)"`
	Number  int32  `bun:",pk"`
}

type stock struct {
	bun.BaseModel `bun:"table:stock"`

	ID               int64  `bun:",pk,identity"`
	WarehouseCountry string `bun:"type:varchar(2)"`
	WarehouseNumber  int32
	Warehouse        *warehouse `bun:"rel:belongs-to,join:warehouse_country=country,join:warehouse_number=number,on_update:CASCADE"`
}

// Cycles of two and three.

type hen struct {
	bun.BaseModel `bun:"table:hens"`

	ID    int64 `bun:",pk"`
	EggID *int64
	Egg   *egg `bun:"rel:belongs-to,join:egg_id=id"`
}

type egg struct {
	bun.BaseModel `bun:"table:eggs"`

	ID    int64 `bun:",pk"`
	HenID *int64
	Hen   *hen `bun:"rel:belongs-to,join:hen_id=id"`
}

type rock struct {
	bun.BaseModel `bun:"table:rocks"`

	ID   int64 `bun:",pk"`
	Over *int64
	Next *scissors `bun:"rel:belongs-to,join:over=id"`
}

type paper struct {
	bun.BaseModel `bun:"table:papers"`

	ID   int64 `bun:",pk"`
	Over *int64
	Next *rock `bun:"rel:belongs-to,join:over=id"`
}

type scissors struct {
	bun.BaseModel `bun:"table:scissors"`

	ID   int64 `bun:",pk"`
	Over *int64
	Next *paper `bun:"rel:belongs-to,join:over=id"`
}

// Names that need quotes.

type order struct {
	bun.BaseModel `bun:"table:order,alias:o"`

	Group  int64  `bun:"group,pk,autoincrement"`
	Select string `bun:"select,unique,notnull,default:\"'a, b'\""`
	Größe  int64  `bun:"größe,notnull"`
	Name   string `bun:"名前"`
}

func (order) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"größe DESC", "名前"}}}
}

type line struct {
	bun.BaseModel `bun:"table:straße"`

	ID    int64  `bun:",pk"`
	Order int64  `bun:"order"`
	Of    *order `bun:"rel:belongs-to,join:order=group,on_delete:CASCADE"`
}

func (line) Checks() []dbmodule.Check { return []dbmodule.Check{{Expression: "id > 0"}} }

// Names that come out longer than an identifier can be.

type long struct {
	bun.BaseModel `bun:"table:a_table_with_a_name_of_nearly_the_longest_that_there_is_62b"`

	ID                                            int64  `bun:",pk"`
	AColumnWhoseNameIsAlsoLongerThanMostNamesEver int64  `bun:",unique,notnull"`
	AnotherColumnWithQuiteALongNameThatGoesOnÄÄ   string `bun:"another_column_with_quite_a_long_name_that_goes_on_ää,unique:both"`
	Short                                         string `bun:",unique:both"`
	ParentWithAVeryLongNameID                     *int64
	ParentWithAVeryLongName                       *long `bun:"rel:belongs-to,join:parent_with_a_very_long_name_id=id"`
}

func library() []any {
	return []any{
		(*book)(nil), (*author)(nil), (*bookTag)(nil), (*tag)(nil), (*stock)(nil), (*warehouse)(nil),
		(*hen)(nil), (*egg)(nil), (*rock)(nil), (*paper)(nil), (*scissors)(nil), (*order)(nil), (*line)(nil), (*long)(nil),
	}
}

// Every type that a column can come from.

type colour string

// key8 is bytes of a fixed length; Bun writes such arrays and doesn't read them.
type key8 [8]byte

func (k *key8) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || copy(k[:], b) != len(k) {
		return fmt.Errorf("scan %T", src)
	}
	return nil
}

type address struct {
	Street string
	Number int
}

type values struct {
	bun.BaseModel `bun:"table:values"`

	ID         int64 `bun:",pk,autoincrement"`
	Bool       bool
	Int        int
	Int8       int8
	Int16      int16
	Int32      int32
	Int64      int64
	Uint       uint
	Uint8      uint8
	Uint16     uint16
	Uint32     uint32
	Uint64     uint64
	Float32    float32
	Float64    float64
	String     string
	Named      colour
	Text       string `bun:"type:text"`
	Sized      string `bun:"type:varchar(20)"`
	Exact      string `bun:"type:varchar(20) COLLATE utf8mb4_bin"`
	Fixed      string `bun:"type:char(4)"`
	Bytes      []byte
	Key        key8
	Blob       []byte `bun:"type:bytea"`
	Time       time.Time
	Stamp      time.Time `bun:"type:timestamptz"`
	NullTime   bun.NullTime
	UUID       uuid.UUID
	TypedUUID  uuid.UUID `bun:"type:uuid"`
	NullUUID   uuid.NullUUID
	Map        map[string]any
	Slice      []string
	Struct     address
	Raw        json.RawMessage
	Number     json.RawMessage `bun:"type:jsonb"`
	Decimal    string          `bun:"type:numeric(20,6)"`
	IP         net.IP          `bun:",nullzero"`
	Addr       netip.Addr
	PtrInt     *int64
	PtrString  *string
	PtrTime    *time.Time
	PtrUUID    *uuid.UUID
	Zero       int64 `bun:",nullzero"`
	NullString sql.NullString
	NullInt32  sql.NullInt32
	NullBool   sql.NullBool
	Generic    sql.Null[int16]
	Duration   time.Duration
	Count      int64     `bun:",notnull,default:7"`
	Ratio      float64   `bun:",notnull,default:-1.5"`
	Flag       bool      `bun:",notnull,default:true"`
	BitFlag    bool      `bun:",notnull,default:1"`
	Word       string    `bun:",notnull,default:'it''s \\ here'"`
	Long       string    `bun:"type:text,notnull,default:'long'"`
	Doc        address   `bun:"type:jsonb,notnull,default:'{}'"`
	Now        time.Time `bun:",notnull,default:now()"`
	Random     uuid.UUID `bun:"type:uuid,notnull,default:gen_random_uuid()"`
	Sum        int64     `bun:",notnull,default:(1 + 2)"`

	Embedded address `bun:"embed:at_"`
}
