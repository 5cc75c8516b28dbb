package autogen_test

import "github.com/uptrace/bun"

// Two tables for whose primary keys PostgreSQL shortens its names to the same.
type (
	longOne struct {
		bun.BaseModel `bun:"table:a_table_whose_name_is_so_long_that_its_key_gets_a_name_cut_1"`

		A int64 `bun:",pk"`
		B int64 `bun:",notnull"`
	}
	longTwo struct {
		bun.BaseModel `bun:"table:a_table_whose_name_is_so_long_that_its_key_gets_a_name_cut_2"`

		A int64 `bun:",pk"`
		B int64 `bun:",notnull"`
	}
	longOnePair struct {
		bun.BaseModel `bun:"table:a_table_whose_name_is_so_long_that_its_key_gets_a_name_cut_1"`

		A int64 `bun:",pk"`
		B int64 `bun:",pk"`
	}
	longTwoPair struct {
		bun.BaseModel `bun:"table:a_table_whose_name_is_so_long_that_its_key_gets_a_name_cut_2"`

		A int64 `bun:",pk"`
		B int64 `bun:",pk"`
	}
	shortPair struct {
		bun.BaseModel `bun:"table:short"`

		A int64 `bun:",pk"`
		B int64 `bun:",pk"`
	}
)

func longKeyChanges() []change {
	const two = `"a_table_whose_name_is_so_long_that_its_key_gets_a_name_cut_2"`
	rows := []string{"INSERT INTO " + two + ` ("a", "b") VALUES (1, 2)`}
	return []change{
		{
			name: "primary keys whose names are cut changed", old: []any{(*longOne)(nil), (*longTwo)(nil)}, new: []any{(*longOnePair)(nil), (*longTwoPair)(nil)},
			rows: rows, up: []string{two}, down: []string{two},
		},
		{
			name: "one primary key whose name is cut changed", old: []any{(*longOne)(nil), (*longTwo)(nil)}, new: []any{(*longOne)(nil), (*longTwoPair)(nil)},
			rows: rows, up: []string{two}, down: []string{two},
		},
		{
			name: "table whose key's name is cut renamed and its key changed", old: []any{(*longOne)(nil), (*longTwo)(nil)}, new: []any{(*longOne)(nil), (*shortPair)(nil)},
			renames: []string{"a_table_whose_name_is_so_long_that_its_key_gets_a_name_cut_2=short"}, rows: rows, up: []string{"short"}, down: []string{two},
		},
	}
}
