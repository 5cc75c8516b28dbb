package autogen_test

import (
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Columns v and w with an index, a check or a comment.
type (
	plain struct {
		V int64
		W string `bun:"type:varchar(100)"`
	}
	indexV      struct{ plain }
	indexVW     struct{ plain }
	indexDesc   struct{ plain }
	indexByName struct{ plain }
	indexOther  struct{ plain }
	partialLow  struct{ plain }
	partialHigh struct{ plain }
	partialOne  struct{ plain }
	partialTwo  struct{ plain }
	checkOne    struct{ plain }
	checkTwo    struct{ plain }
	checkAuto   struct{ plain }
	checkAuto2  struct{ plain }
	uniqueV     struct {
		V int64  `bun:",unique"`
		W string `bun:"type:varchar(100)"`
	}
	uniqueVW struct {
		V int64  `bun:",unique:pair"`
		W string `bun:"type:varchar(100),unique:pair"`
	}
	onlyW struct {
		W string `bun:"type:varchar(100)"`
	}
	numberX struct {
		X int64
		W string `bun:"type:varchar(100)"`
	}
	checkX     struct{ numberX }
	checkAutoX struct{ numberX }
	partialX   struct{ numberX }
	commentOne struct{ plain }
	commentTwo struct{ plain }
)

func (indexV) Indexes() []dbmodule.Index  { return []dbmodule.Index{{Columns: []string{"v"}}} }
func (indexVW) Indexes() []dbmodule.Index { return []dbmodule.Index{{Columns: []string{"v", "w"}}} }

func (indexDesc) Indexes() []dbmodule.Index { return []dbmodule.Index{{Columns: []string{"v DESC"}}} }

func (indexByName) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "by_v", Columns: []string{"v"}}}
}

func (indexOther) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "by_v", Columns: []string{"v DESC", "w"}}}
}

func (partialLow) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"v"}, Where: "v < 10"}}
}

func (partialHigh) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"v"}, Where: "v > 10"}}
}

func (partialOne) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "one", Columns: []string{"v"}, Unique: true, Where: "w IS NULL"}}
}

func (partialTwo) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "one", Columns: []string{"v"}, Unique: true, Where: "w = 'it''s' OR v < 0"}}
}

func (partialX) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"x"}, Where: "x > 10"}}
}

func (checkOne) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "sane", Expression: "v > 0"}}
}

func (checkTwo) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "sane", Expression: "v > 0 OR w = 'it''s'"}}
}

func (checkX) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "sane", Expression: "x > 0"}}
}

func (checkAuto) Checks() []dbmodule.Check  { return []dbmodule.Check{{Expression: "v > 0"}} }
func (checkAuto2) Checks() []dbmodule.Check { return []dbmodule.Check{{Expression: "v >= 1"}} }
func (checkAutoX) Checks() []dbmodule.Check { return []dbmodule.Check{{Expression: "x > 0"}} }

func (commentOne) TableComment() string { return "it's one" }
func (commentOne) ColumnComments() map[string]string {
	return map[string]string{"v": "first", "w": "w"}
}
func (commentTwo) TableComment() string              { return "it's two" }
func (commentTwo) ColumnComments() map[string]string { return map[string]string{"v": "second"} }

// A table that others refer to, and such tables.
type (
	parent struct {
		bun.BaseModel `bun:"table:parents"`

		ID   int64  `bun:",pk"`
		Code string `bun:"type:varchar(20)"`
	}
	parentUnique struct {
		bun.BaseModel `bun:"table:parents"`

		ID   int64  `bun:",pk"`
		Code string `bun:"type:varchar(20),unique"`
	}
	parent32 struct {
		bun.BaseModel `bun:"table:parents"`

		ID   int32  `bun:",pk"`
		Code string `bun:"type:varchar(20)"`
	}
	parentText struct {
		bun.BaseModel `bun:"table:parents"`

		ID   string `bun:"type:varchar(20),pk"`
		Code string `bun:"type:varchar(20)"`
	}
	child struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
	}
	childKey struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childIndexed struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childCascade struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id,on_delete:CASCADE,on_update:CASCADE"`
	}
	childNotNull struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64   `bun:",pk"`
		ParentID int64   `bun:",notnull"`
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childNamed struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childNamedMore struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childNotNullMore struct {
		bun.BaseModel `bun:"table:children"`

		ID       string  `bun:"type:varchar(20),pk"`
		ParentID int64   `bun:",notnull"`
		Parent   *parent `bun:"rel:belongs-to,join:parent_id=id"`
	}
	parentExact struct {
		bun.BaseModel `bun:"table:parents"`

		ID   string `bun:"type:varchar(20) collate utf8mb4_bin,pk"`
		Code string `bun:"type:varchar(20)"`
	}
	childExact struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64        `bun:",pk"`
		ParentID string       `bun:"type:varchar(20) collate utf8mb4_bin"`
		Parent   *parentExact `bun:"rel:belongs-to,join:parent_id=id"`
	}
	// parentByCode has another primary key, and children still refer to what
	// was it.
	parentByCode struct {
		bun.BaseModel `bun:"table:parents"`

		ID   int64  `bun:",notnull,unique"`
		Code string `bun:"type:varchar(20),pk"`
	}
	parentCodeNotNull struct {
		bun.BaseModel `bun:"table:parents"`

		ID   int64  `bun:",pk"`
		Code string `bun:"type:varchar(20),notnull"`
	}
	childOfByCode struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parentByCode `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childOfNotNull struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parentCodeNotNull `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childRenamed struct {
		bun.BaseModel `bun:"table:children"`

		ID      int64 `bun:",pk"`
		OwnerID int64
		Owner   *parent `bun:"rel:belongs-to,join:owner_id=id"`
	}
	child32 struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int32
		Parent   *parent32 `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childText struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64       `bun:",pk"`
		ParentID string      `bun:"type:varchar(20)"`
		Parent   *parentText `bun:"rel:belongs-to,join:parent_id=id"`
	}
	childByCode struct {
		bun.BaseModel `bun:"table:children"`

		ID         int64         `bun:",pk"`
		ParentCode string        `bun:"type:varchar(20)"`
		Parent     *parentUnique `bun:"rel:belongs-to,join:parent_code=code"`
	}
	childByID struct {
		bun.BaseModel `bun:"table:children"`

		ID         int64  `bun:",pk"`
		ParentCode string `bun:"type:varchar(20)"`
	}
	// parentRenamed is parents with another name for its key, and
	// parentOther is it with another name itself.
	parentRenamed struct {
		bun.BaseModel `bun:"table:parents"`

		Number int64  `bun:",pk"`
		Code   string `bun:"type:varchar(20)"`
	}
	childOfRenamed struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parentRenamed `bun:"rel:belongs-to,join:parent_id=number"`
	}
	parentOther struct {
		bun.BaseModel `bun:"table:owners"`

		ID   int64  `bun:",pk"`
		Code string `bun:"type:varchar(20)"`
	}
	childOfOther struct {
		bun.BaseModel `bun:"table:children"`

		ID       int64 `bun:",pk"`
		ParentID int64
		Parent   *parentOther `bun:"rel:belongs-to,join:parent_id=id"`
	}
	node struct {
		bun.BaseModel `bun:"table:nodes"`

		ID   int64 `bun:",pk,autoincrement"`
		Next int64
	}
	nodeKey struct {
		bun.BaseModel `bun:"table:nodes"`

		ID     int64    `bun:",pk,autoincrement"`
		Next   int64    `bun:",unique"`
		Follow *nodeKey `bun:"rel:belongs-to,join:next=id"`
	}
	left struct {
		bun.BaseModel `bun:"table:lefts"`

		ID      int64 `bun:",pk"`
		RightID int64
	}
	right struct {
		bun.BaseModel `bun:"table:rights"`

		ID     int64 `bun:",pk"`
		LeftID int64
	}
	leftKey struct {
		bun.BaseModel `bun:"table:lefts"`

		ID      int64 `bun:",pk"`
		RightID int64
		Right   *rightKey `bun:"rel:belongs-to,join:right_id=id"`
	}
	rightKey struct {
		bun.BaseModel `bun:"table:rights"`

		ID     int64 `bun:",pk"`
		LeftID int64
		Left   *leftKey `bun:"rel:belongs-to,join:left_id=id"`
	}
)

func (childNamed) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "by_parent", Columns: []string{"parent_id"}}}
}

func (childNamedMore) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "by_parent", Columns: []string{"parent_id", "id"}}}
}

func (childIndexed) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Columns: []string{"parent_id", "id"}}}
}

var (
	thingRows = []string{
		"INSERT INTO things (id, v, w) VALUES (1, 1, 'a')",
		"INSERT INTO things (id, v, w) VALUES (2, 2, NULL)",
	}
	familyRows = []string{
		"INSERT INTO parents (id, code) VALUES (1, 'a')",
		"INSERT INTO parents (id, code) VALUES (2, 'b')",
		"INSERT INTO children (id, parent_id) VALUES (10, 1)",
	}
	thingStays = []string{"things WHERE id = 1 AND v = 1 AND w = 'a'", "things WHERE id = 2 AND v = 2 AND w IS NULL"}
	familyFrom = "parents AS p JOIN children AS c ON c.id = 10 AND c.parent_id = p.id AND p.code = 'a'"
	family     = []string{familyFrom}
)

// thingChange is a change of things that leaves its rows.
func thingChange(name string, old, now []any, work ...string) change {
	return change{name: name, old: old, new: now, rows: thingRows, up: thingStays, down: thingStays, work: work}
}

// familyChange is a change of parents and children that leaves their rows.
func familyChange(name string, old, now []any, work ...string) change {
	return change{name: name, old: old, new: now, rows: familyRows, up: family, down: family, work: work}
}

func keyChanges() []change {
	partial := []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL}
	return []change{
		thingChange("index added", thing[plain](), thing[indexV]()),
		thingChange("index dropped", thing[indexV](), thing[plain]()),
		thingChange("index altered", thing[indexV](), thing[indexVW]()),
		thingChange("index descending", thing[indexV](), thing[indexDesc]()),
		thingChange("index named", thing[indexV](), thing[indexByName]()),
		thingChange("index altered under its name", thing[indexByName](), thing[indexOther]()),
		thingChange("partial index altered", thing[partialLow](), thing[partialHigh]()),
		{
			name: "condition altered under its name", old: thing[partialOne](), new: thing[partialTwo](),
			rows: thingRows, up: thingStays, down: thingStays, only: partial,
			work: []string{"INSERT INTO things (id, v) VALUES (3, 2)"},
		},
		thingChange("unique added", thing[plain](), thing[uniqueV]()),
		thingChange("unique dropped", thing[uniqueV](), thing[plain](), "INSERT INTO things (id, v) VALUES (3, 2)"),
		thingChange("unique to a group", thing[uniqueV](), thing[uniqueVW](), "INSERT INTO things (id, v, w) VALUES (3, 1, 'b')"),
		thingChange("check added", thing[plain](), thing[checkOne]()),
		thingChange("check dropped", thing[checkOne](), thing[plain](), "INSERT INTO things (id, v) VALUES (3, -2)"),
		thingChange("check altered under its name", thing[checkOne](), thing[checkTwo](), "INSERT INTO things (id, v, w) VALUES (3, -2, 'it''s')"),
		thingChange("check without a name altered", thing[checkAuto](), thing[checkAuto2](), "INSERT INTO things (id, v) VALUES (3, 2)"),
		thingChange("comments added", thing[plain](), thing[commentOne]()),
		thingChange("comments changed", thing[commentOne](), thing[commentTwo]()),
		thingChange("comments dropped", thing[commentOne](), thing[plain]()),
		{
			name: "column in an index and a check dropped", old: thing[indexVW](), new: thing[onlyW](),
			rows: thingRows, up: []string{"things WHERE id = 1 AND w = 'a'"}, down: []string{"things WHERE id = 1 AND v IS NULL AND w = 'a'"},
		},
		{
			name: "column in a check dropped", old: thing[checkTwo](), new: thing[onlyW](),
			rows: thingRows, up: []string{"things WHERE id = 1 AND w = 'a'"}, down: []string{"things WHERE id = 1 AND v IS NULL AND w = 'a'"},
		},
		{
			name: "column in a check renamed", old: thing[checkOne](), new: thing[checkX](), renames: []string{"things.v=x"},
			rows: thingRows, up: []string{"things WHERE id = 1 AND x = 1 AND w = 'a'"}, down: thingStays,
		},
		{
			name: "column in a check without a name renamed", old: thing[checkAuto](), new: thing[checkAutoX](), renames: []string{"things.v=x"},
			rows: thingRows, up: []string{"things WHERE id = 1 AND x = 1 AND w = 'a'"}, down: thingStays,
		},
		{
			name: "column in a condition renamed", old: thing[partialHigh](), new: thing[partialX](), renames: []string{"things.v=things.x"},
			rows: thingRows, up: []string{"things WHERE id = 1 AND x = 1 AND w = 'a'"}, down: thingStays,
		},

		familyChange("foreign key added", []any{(*parent)(nil), (*child)(nil)}, []any{(*parent)(nil), (*childKey)(nil)}),
		familyChange("foreign key dropped", []any{(*parent)(nil), (*childKey)(nil)}, []any{(*parent)(nil), (*child)(nil)},
			"INSERT INTO children (id, parent_id) VALUES (11, 99)"),
		familyChange("actions of a foreign key", []any{(*parent)(nil), (*childKey)(nil)}, []any{(*parent)(nil), (*childCascade)(nil)},
			"UPDATE parents SET id = 5 WHERE id = 1", "DELETE FROM parents WHERE id = 5"),
		familyChange("index that a foreign key needs added", []any{(*parent)(nil), (*childKey)(nil)}, []any{(*parent)(nil), (*childIndexed)(nil)}),
		familyChange("index that a foreign key needs altered under its name", []any{(*parent)(nil), (*childNamed)(nil)}, []any{(*parent)(nil), (*childNamedMore)(nil)}),
		familyChange("index that a foreign key needs dropped", []any{(*parent)(nil), (*childIndexed)(nil)}, []any{(*parent)(nil), (*childKey)(nil)}),
		familyChange("foreign key not null", []any{(*parent)(nil), (*childKey)(nil)}, []any{(*parent)(nil), (*childNotNull)(nil)}),
		{
			name: "foreign key not null, and the primary key to text",
			old:  []any{(*parent)(nil), (*childKey)(nil)}, new: []any{(*parent)(nil), (*childNotNullMore)(nil)},
			rows: familyRows, up: []string{"parents AS p JOIN children AS c ON c.id = '10' AND c.parent_id = p.id"}, down: family,
		},
		familyChange("another primary key, and children keep the old one",
			[]any{(*parentCodeNotNull)(nil), (*childOfNotNull)(nil)}, []any{(*parentByCode)(nil), (*childOfByCode)(nil)}),
		{
			name: "collation of a foreign key",
			old:  []any{(*parentText)(nil), (*childText)(nil)}, new: []any{(*parentExact)(nil), (*childExact)(nil)},
			rows: familyRows, up: family, down: family, only: []dbmodule.Engine{dbmodule.MySQL},
		},
		familyChange("type of a key that children have, width", []any{(*parent32)(nil), (*child32)(nil)}, []any{(*parent)(nil), (*childKey)(nil)}),
		familyChange("key that children have to text", []any{(*parent)(nil), (*childKey)(nil)}, []any{(*parentText)(nil), (*childText)(nil)}),
		{
			name: "column of a foreign key renamed", renames: []string{"children.parent_id=owner_id"},
			old: []any{(*parent)(nil), (*childKey)(nil)}, new: []any{(*parent)(nil), (*childRenamed)(nil)},
			rows: familyRows, up: []string{"parents AS p JOIN children AS c ON c.owner_id = p.id AND p.code = 'a'"}, down: family,
		},
		{
			name: "key that children have renamed", renames: []string{"parents.id=parents.number"},
			old: []any{(*parent)(nil), (*childKey)(nil)}, new: []any{(*parentRenamed)(nil), (*childOfRenamed)(nil)},
			rows: familyRows, up: []string{"parents AS p JOIN children AS c ON c.parent_id = p.number AND p.code = 'a'"}, down: family,
		},
		{
			name: "table that children have renamed", renames: []string{"parents=owners"},
			old: []any{(*parent)(nil), (*childKey)(nil)}, new: []any{(*parentOther)(nil), (*childOfOther)(nil)},
			rows: familyRows, up: []string{"owners AS p JOIN children AS c ON c.parent_id = p.id AND p.code = 'a'"}, down: family,
		},
		{
			name: "foreign key to a unique column added with it",
			old:  []any{(*parent)(nil), (*childByID)(nil)}, new: []any{(*parentUnique)(nil), (*childByCode)(nil)},
			rows: []string{"INSERT INTO parents (id, code) VALUES (1, 'a')", "INSERT INTO children (id, parent_code) VALUES (10, 'a')"},
			up:   []string{"parents AS p JOIN children AS c ON c.parent_code = p.code"}, down: []string{"parents AS p JOIN children AS c ON c.parent_code = p.code"},
		},
		{
			name: "foreign key to a unique column dropped with it",
			old:  []any{(*parentUnique)(nil), (*childByCode)(nil)}, new: []any{(*parent)(nil), (*childByID)(nil)},
			rows: []string{"INSERT INTO parents (id, code) VALUES (1, 'a')", "INSERT INTO children (id, parent_code) VALUES (10, 'a')"},
			up:   []string{"parents AS p JOIN children AS c ON c.parent_code = p.code"}, down: []string{"parents AS p JOIN children AS c ON c.parent_code = p.code"},
		},
		{
			name: "foreign key to the table itself, and a unique one",
			old:  []any{(*node)(nil)}, new: []any{(*nodeKey)(nil)},
			rows: []string{"INSERT INTO nodes (next) VALUES (NULL)", "INSERT INTO nodes (next) VALUES (1)"},
			up:   []string{"nodes AS a JOIN nodes AS b ON a.next = b.id"}, down: []string{"nodes AS a JOIN nodes AS b ON a.next = b.id"},
			work: []string{"INSERT INTO nodes (next) VALUES (2)"},
		},
		{
			name: "cycle of foreign keys added",
			old:  []any{(*left)(nil), (*right)(nil)}, new: []any{(*leftKey)(nil), (*rightKey)(nil)},
			rows: []string{"INSERT INTO lefts (id, right_id) VALUES (1, 1)", "INSERT INTO rights (id, left_id) VALUES (1, 1)"},
			up:   []string{"lefts JOIN rights ON rights.left_id = lefts.id AND lefts.right_id = rights.id"},
		},
		{
			name: "cycle of foreign keys dropped",
			old:  []any{(*leftKey)(nil), (*rightKey)(nil)}, new: []any{(*left)(nil), (*right)(nil)},
			rows: []string{"INSERT INTO lefts (id) VALUES (1)", "INSERT INTO rights (id, left_id) VALUES (1, 1)", "UPDATE lefts SET right_id = 1"},
			up:   []string{"lefts JOIN rights ON rights.left_id = lefts.id AND lefts.right_id = rights.id"},
		},
		{
			name: "tables in a cycle dropped",
			old:  []any{(*leftKey)(nil), (*rightKey)(nil), (*parent)(nil)}, new: []any{(*parent)(nil)},
			rows: []string{"INSERT INTO lefts (id) VALUES (1)", "INSERT INTO rights (id, left_id) VALUES (1, 1)", "UPDATE lefts SET right_id = 1"},
		},
	}
}
