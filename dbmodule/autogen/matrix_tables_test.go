package autogen_test

import (
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

type (
	seat struct {
		bun.BaseModel `bun:"table:seats"`

		Row  int64  `bun:",pk"`
		Col  int64  `bun:",notnull"`
		Name string `bun:"type:varchar(20)"`
	}
	seatPair struct {
		bun.BaseModel `bun:"table:seats"`

		Row  int64  `bun:",pk"`
		Col  int64  `bun:",pk"`
		Name string `bun:"type:varchar(20)"`
	}
	seatCol struct {
		bun.BaseModel `bun:"table:seats"`

		Row  int64  `bun:",notnull"`
		Col  int64  `bun:",pk"`
		Name string `bun:"type:varchar(20)"`
	}
	seatOther struct {
		bun.BaseModel `bun:"table:chairs"`

		Row  int64  `bun:",pk"`
		Col  int64  `bun:",pk"`
		Name string `bun:"type:varchar(20)"`
	}
	ticket struct {
		bun.BaseModel `bun:"table:tickets"`

		ID   int64  `bun:",pk,autoincrement"`
		Name string `bun:"type:varchar(20)"`
	}
	ticketNotNull struct {
		bun.BaseModel `bun:"table:tickets"`

		ID   int64  `bun:",pk,autoincrement"`
		Name string `bun:"type:varchar(20),notnull,default:''"`
	}
	ticketByHand struct {
		bun.BaseModel `bun:"table:tickets"`

		ID   int64  `bun:",pk"`
		Name string `bun:"type:varchar(20)"`
	}
	ticketRenamed struct {
		bun.BaseModel `bun:"table:passes"`

		ID     int64  `bun:",pk,autoincrement"`
		Holder string `bun:"type:varchar(20),notnull,default:'',unique"`
	}
	reserved struct {
		bun.BaseModel `bun:"table:order"`

		ID     int64  `bun:",pk"`
		Select string `bun:"type:varchar(20),unique"`
		Group  int64
	}
	reservedMore struct {
		bun.BaseModel `bun:"table:order"`

		ID     int64  `bun:",pk"`
		From   string `bun:"type:varchar(20),unique"`
		Group  string `bun:"type:varchar(40),notnull,default:'?'"`
		Where  int64
		Straße string `bun:"größe in m²,type:varchar(9)"`
	}
	many struct {
		bun.BaseModel `bun:"table:things"`

		ID   int64  `bun:",pk"`
		A    int64  `bun:",notnull,default:1"`
		B    string `bun:"type:varchar(50)"`
		Gone string `bun:"type:varchar(20)"`
		Old  int64  `bun:",unique"`
	}
	manyMore struct {
		bun.BaseModel `bun:"table:things"`

		ID  int64  `bun:",pk"`
		A   string `bun:"type:varchar(30),notnull,default:'one'"`
		B   string `bun:"type:varchar(80),notnull,default:'b'"`
		New int64  `bun:",unique"`
		C   bool   `bun:",notnull,default:false"`
	}
	article struct {
		bun.BaseModel `bun:"table:articles"`

		ID   int64 `bun:",pk"`
		Name string
	}
	label struct {
		bun.BaseModel `bun:"table:labels"`

		ID int64 `bun:",pk"`
	}
	labelled struct {
		bun.BaseModel `bun:"table:articles"`

		ID     int64 `bun:",pk"`
		Name   string
		Labels []label `bun:"m2m:article_labels,join:Article=Label"`
	}
	articleLabel struct {
		bun.BaseModel `bun:"table:article_labels"`

		ArticleID int64     `bun:",pk"`
		Article   *labelled `bun:"rel:belongs-to,join:article_id=id"`
		LabelID   int64     `bun:",pk"`
		Label     *label    `bun:"rel:belongs-to,join:label_id=id"`
	}
	seatRow struct {
		bun.BaseModel `bun:"table:seats"`

		Row  int64  `bun:",pk"`
		Name string `bun:"type:varchar(20)"`
	}
	ticket32 struct {
		bun.BaseModel `bun:"table:tickets"`

		ID   int32  `bun:",pk,autoincrement"`
		Name string `bun:"type:varchar(20)"`
	}
	uncommented struct {
		bun.BaseModel `bun:"table:items"`

		ID int64 `bun:",pk"`
		X  int64
		W  string `bun:"type:varchar(100)"`
	}
	kid struct {
		bun.BaseModel `bun:"table:kids"`

		ID       int64   `bun:",pk"`
		ParentID int64   `bun:",unique"`
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
	kidRenamed struct {
		bun.BaseModel `bun:"table:offspring"`

		ID      int64   `bun:",pk"`
		OwnerID int64   `bun:",unique"`
		Owner   *parent `bun:"rel:belongs-to,join:owner_id=id"`
	}
	exactly struct {
		V string `bun:"type:varchar(50) collate utf8mb4_bin"`
	}
	farSeat struct {
		bun.BaseModel `bun:"table:a_table_with_a_name_of_nearly_the_longest_that_there_is_62b"`

		Row int64 `bun:",pk"`
		Col int64 `bun:",notnull"`
	}
	farSeatPair struct {
		bun.BaseModel `bun:"table:a_table_with_a_name_of_nearly_the_longest_that_there_is_63by"`

		Row int64 `bun:",pk"`
		Col int64 `bun:",pk"`
	}
	named struct {
		bun.BaseModel `bun:"table:names"`

		Name string `bun:"type:varchar(20),pk"`
	}
	namedNumber struct {
		bun.BaseModel `bun:"table:names"`

		ID   int64  `bun:",pk,autoincrement"`
		Name string `bun:"type:varchar(20),notnull"`
	}
	childOfText struct {
		bun.BaseModel `bun:"table:children"`

		ID      int64       `bun:",pk"`
		OwnerID string      `bun:"type:varchar(20)"`
		Owner   *parentText `bun:"rel:belongs-to,join:owner_id=id"`
	}
	auditOld struct {
		bun.BaseModel `bun:"table:audit.logs"`

		ID   int64 `bun:",pk"`
		Word string
	}
	auditNew struct {
		bun.BaseModel `bun:"table:audit.entries"`

		ID       int64 `bun:",pk"`
		Text     string
		ParentID int64
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
)

func (kid) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"parent_id DESC", "id"}}}
}

func (kid) Checks() []dbmodule.Check { return []dbmodule.Check{{Expression: "parent_id > 0"}} }

func (kidRenamed) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"owner_id DESC", "id"}}}
}

func (kidRenamed) Checks() []dbmodule.Check { return []dbmodule.Check{{Expression: "owner_id > 0"}} }

func (manyMore) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"a", "b DESC"}}}
}

func (manyMore) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Expression: "new < 1000"}}
}

func tableChanges() []change {
	ticketRows := []string{
		"INSERT INTO tickets (id, name) VALUES (1, 'a')",
		"INSERT INTO tickets (id, name) VALUES (2, 'b')",
	}
	numberedRows := []string{
		"INSERT INTO tickets (name) VALUES ('a')",
		"INSERT INTO tickets (name) VALUES ('b')",
	}
	return []change{
		{
			name: "table added",
			old:  []any{(*parent)(nil)}, new: []any{(*parent)(nil), (*childKey)(nil)},
			rows: []string{"INSERT INTO parents (id, code) VALUES (1, 'a')"},
			up:   []string{"parents WHERE code = 'a'"}, down: []string{"parents WHERE code = 'a'"},
			work: []string{"INSERT INTO children (id, parent_id) VALUES (1, 1)"},
		},
		{
			name: "comments of a renamed table and column dropped",
			old:  thing[commentOne](), new: []any{(*uncommented)(nil)},
			renames: []string{"things=items", "items.v=x"},
			rows:    thingRows, up: []string{"items WHERE id = 1 AND x = 1 AND w = 'a'"}, down: thingStays,
		},
		{
			name: "table dropped",
			old:  []any{(*parent)(nil), (*childKey)(nil)}, new: []any{(*parent)(nil)},
			rows: familyRows,
			up:   []string{"parents WHERE code = 'a'"}, down: []string{"parents WHERE code = 'a'"},
		},
		{
			name: "all tables dropped",
			old:  []any{(*parent)(nil), (*childKey)(nil)}, new: nil,
			rows: familyRows,
		},
		{
			name: "table that children have dropped",
			old:  []any{(*parent)(nil), (*childKey)(nil)}, new: []any{(*child)(nil)},
			rows: append(familyRows[:3:3], "UPDATE children SET parent_id = NULL"),
			up:   []string{"children WHERE id = 10"}, down: []string{"children WHERE id = 10"},
		},
		{
			name: "join table added",
			old:  []any{(*article)(nil), (*label)(nil)}, new: []any{(*labelled)(nil), (*label)(nil), (*articleLabel)(nil)},
			rows: []string{"INSERT INTO articles (id, name) VALUES (1, 'a')", "INSERT INTO labels (id) VALUES (2)"},
			up:   []string{"articles WHERE name = 'a'"},
			work: []string{"INSERT INTO article_labels (article_id, label_id) VALUES (1, 2)"},
		},
		{
			name: "table renamed", renames: []string{"seats=chairs"},
			old: []any{(*seatPair)(nil)}, new: []any{(*seatOther)(nil)},
			rows: []string{`INSERT INTO seats ("row", col, name) VALUES (1, 2, 'a')`},
			up:   []string{`chairs WHERE "row" = 1 AND col = 2 AND name = 'a'`}, down: []string{`seats WHERE "row" = 1 AND col = 2 AND name = 'a'`},
		},
		{
			name: "table and column renamed, and more", renames: []string{"tickets=passes", "tickets.name=passes.holder"},
			old: []any{(*ticket)(nil)}, new: []any{(*ticketRenamed)(nil)},
			rows: append(numberedRows[:1:1], "INSERT INTO tickets (name) VALUES (NULL)"),
			up:   []string{"passes WHERE id = 1 AND holder = 'a'", "passes WHERE id = 2 AND holder = ''"},
			down: []string{"tickets WHERE id = 1 AND name = 'a'"},
			work: []string{"INSERT INTO passes (holder) VALUES ('c')"},
		},
		{
			name: "column joins the primary key",
			old:  []any{(*seat)(nil)}, new: []any{(*seatPair)(nil)},
			rows: []string{`INSERT INTO seats ("row", col, name) VALUES (1, 2, 'a')`},
			up:   []string{"seats WHERE col = 2 AND name = 'a'"}, down: []string{"seats WHERE col = 2 AND name = 'a'"},
			work: []string{`INSERT INTO seats ("row", col) VALUES (1, 3)`},
		},
		{
			name: "another primary key",
			old:  []any{(*seatPair)(nil)}, new: []any{(*seatCol)(nil)},
			rows: []string{`INSERT INTO seats ("row", col, name) VALUES (1, 2, 'a')`},
			up:   []string{"seats WHERE col = 2 AND name = 'a'"}, down: []string{"seats WHERE col = 2 AND name = 'a'"},
			work: []string{`INSERT INTO seats ("row", col) VALUES (1, 3)`},
		},
		{
			name:    "table with the longest name renamed, another primary key",
			renames: []string{"a_table_with_a_name_of_nearly_the_longest_that_there_is_62b=a_table_with_a_name_of_nearly_the_longest_that_there_is_63by"},
			old:     []any{(*farSeat)(nil)}, new: []any{(*farSeatPair)(nil)},
			rows: []string{`INSERT INTO a_table_with_a_name_of_nearly_the_longest_that_there_is_62b ("row", col) VALUES (1, 2)`},
			up:   []string{"a_table_with_a_name_of_nearly_the_longest_that_there_is_63by WHERE col = 2"},
			down: []string{"a_table_with_a_name_of_nearly_the_longest_that_there_is_62b WHERE col = 2"},
		},
		{
			name: "table with keys, indexes and checks renamed, and a column of all", renames: []string{"kids=offspring", "kids.parent_id=owner_id"},
			old: []any{(*parent)(nil), (*kid)(nil)}, new: []any{(*parent)(nil), (*kidRenamed)(nil)},
			rows: append(familyRows[:2:2], "INSERT INTO kids (id, parent_id) VALUES (10, 1)"),
			up:   []string{"parents AS p JOIN offspring AS c ON c.owner_id = p.id AND p.code = 'a'"},
			down: []string{"parents AS p JOIN kids AS c ON c.parent_id = p.id AND p.code = 'a'"},
		},
		{
			name: "column of the primary key dropped",
			old:  []any{(*seatPair)(nil)}, new: []any{(*seatRow)(nil)},
			work: []string{`INSERT INTO seats ("row", name) VALUES (1, 'a')`},
		},
		{
			name: "numbered key, width",
			old:  []any{(*ticket32)(nil)}, new: []any{(*ticket)(nil)},
			rows: numberedRows,
			up:   []string{"tickets WHERE id = 1 AND name = 'a'"}, down: []string{"tickets WHERE id = 2 AND name = 'b'"},
			work: []string{"INSERT INTO tickets (name) VALUES ('c')", "INSERT INTO tickets (id) SELECT 3000000000 FROM tickets WHERE id = 3"},
		},
		{
			name: "collation added",
			old:  thing[varchar50](), new: thing[exactly](),
			rows: things2("'a'", "'A'"),
			up:   []string{"things WHERE v = 'a'"},
			work: []string{"INSERT INTO things (id, v) SELECT 3, v FROM things WHERE v = 'A'"},
			only: []dbmodule.Engine{dbmodule.MySQL},
		},
		{
			name: "number becomes the primary key",
			old:  []any{(*named)(nil)}, new: []any{(*namedNumber)(nil)},
			rows: []string{"INSERT INTO names (name) VALUES ('a')", "INSERT INTO names (name) VALUES ('b')"},
			up:   []string{"names AS a JOIN names AS b ON a.name = 'a' AND b.name = 'b' AND a.id <> b.id"},
			down: []string{"names WHERE name = 'b'"},
			work: []string{"INSERT INTO names (name) VALUES ('b')"},
		},
		{
			name: "key that children have to text, and renamed there", renames: []string{"children.parent_id=owner_id"},
			old: []any{(*parent)(nil), (*childKey)(nil)}, new: []any{(*parentText)(nil), (*childOfText)(nil)},
			rows: familyRows,
			up:   []string{"parents AS p JOIN children AS c ON c.owner_id = p.id AND p.code = 'a'"}, down: family,
		},
		{
			name: "rows begin to be numbered",
			old:  []any{(*ticketByHand)(nil)}, new: []any{(*ticket)(nil)},
			rows: ticketRows,
			up:   []string{"tickets WHERE id = 1 AND name = 'a'"}, down: []string{"tickets WHERE id = 2 AND name = 'b'"},
			work: []string{"INSERT INTO tickets (name) VALUES ('c')", "INSERT INTO tickets (id, name) SELECT 7, 'd' FROM tickets WHERE id = 3 AND name = 'c'"},
		},
		{
			name: "rows end to be numbered",
			old:  []any{(*ticket)(nil)}, new: []any{(*ticketByHand)(nil)},
			rows: numberedRows,
			up:   []string{"tickets WHERE id = 1 AND name = 'a'"}, down: []string{"tickets WHERE id = 2 AND name = 'b'"},
		},
		{
			name: "numbered table changed",
			old:  []any{(*ticket)(nil)}, new: []any{(*ticketNotNull)(nil)},
			rows: append(numberedRows[:2:2], "UPDATE tickets SET name = NULL WHERE id = 2"),
			up:   []string{"tickets WHERE id = 1 AND name = 'a'", "tickets WHERE id = 2 AND name = ''"},
			down: []string{"tickets WHERE id = 1 AND name = 'a'"},
		},
		{
			name: "names that need quotes", renames: []string{"order.select=from"},
			old: []any{(*reserved)(nil)}, new: []any{(*reservedMore)(nil)},
			rows: []string{`INSERT INTO "order" (id, "select", "group") VALUES (1, 'x', 5)`},
			up:   []string{`"order" WHERE id = 1 AND "from" = 'x' AND "group" = '5'`},
			down: []string{`"order" WHERE id = 1 AND "select" = 'x' AND "group" = 5`},
		},
		{
			name: "much at once", renames: []string{"things.old=new"},
			old: []any{(*many)(nil)}, new: []any{(*manyMore)(nil)},
			rows: []string{
				"INSERT INTO things (id, a, b, gone, old) VALUES (1, 5, 'x', 'g', 100)",
				"INSERT INTO things (id, a, b, gone, old) VALUES (2, 6, NULL, 'g', 200)",
			},
			up:   []string{"things WHERE id = 1 AND a = '5' AND b = 'x' AND new = 100 AND NOT c", "things WHERE id = 2 AND b = 'b'"},
			down: []string{"things WHERE id = 1 AND a = 5 AND b = 'x' AND old = 100 AND gone IS NULL"},
			work: []string{"UPDATE things SET a = 'z'", "INSERT INTO things (id) VALUES (3)"},
		},
		{
			name: "schema of PostgreSQL", renames: []string{"audit.logs=audit.entries", "audit.entries.word=text"},
			old: []any{(*auditOld)(nil), (*parent)(nil)}, new: []any{(*auditNew)(nil), (*parent)(nil)},
			rows: []string{"INSERT INTO audit.logs (id, word) VALUES (1, 'a')"},
			up:   []string{"audit.entries WHERE id = 1 AND text = 'a'"}, down: []string{"audit.logs WHERE id = 1 AND word = 'a'"},
			only: []dbmodule.Engine{dbmodule.PostgreSQL},
		},
	}
}
