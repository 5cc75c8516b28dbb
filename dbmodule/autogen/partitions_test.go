package autogen_test

import (
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

type partShop struct {
	bun.BaseModel `bun:"table:shops"`
	ID            int64 `bun:",pk"`
}

type partSale struct {
	bun.BaseModel `bun:"table:sales"`
	ID            int64     `bun:",pk"`
	ShopID        int64     `bun:",notnull"`
	Shop          *partShop `bun:"rel:belongs-to,join:shop_id=id"`
}

// PostgreSQL stores a foreign key from or to a partitioned table once more for each
// partition. It is one key all the same.
func TestForeignKeysOfPartitionedTables(t *testing.T) {
	t.Parallel()
	const ofShops, ofSales = " PARTITION BY RANGE (id)", " PARTITION BY HASH (id)"
	tests := map[string]struct{ shops, sales string }{
		"to a partitioned table": {ofShops, ""},
		"of a partitioned table": {"", ofSales},
		"between them":           {ofShops, ofSales},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachOf(t, []dbmodule.Engine{dbmodule.PostgreSQL}, func(t *testing.T, d database) {
				migrateEach(t, d, []string{"CREATE TABLE shops (id bigint PRIMARY KEY)" + tt.shops})
				if tt.shops != "" {
					migrateEach(t, d, []string{
						"CREATE TABLE shops_1 PARTITION OF shops FOR VALUES FROM (0) TO (10)",
						"CREATE TABLE shops_2 PARTITION OF shops FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id)",
						"CREATE TABLE shops_3 PARTITION OF shops_2 DEFAULT",
					})
				}
				migrateEach(t, d, []string{"CREATE TABLE sales (id bigint PRIMARY KEY, shop_id bigint NOT NULL CONSTRAINT fk_sales_shop_id REFERENCES shops)" + tt.sales})
				if tt.sales != "" {
					migrateEach(t, d, []string{"CREATE TABLE sales_1 PARTITION OF sales FOR VALUES WITH (MODULUS 1, REMAINDER 0)"})
				}
				models := []any{(*partShop)(nil), (*partSale)(nil)}
				if got := compareLive(t, d, nil, nil, models); !got.Empty() || len(got.LeftAlone) > 0 {
					t.Errorf("drafted %q, left alone %v", got.Up, got.LeftAlone)
				}
				err := onConn(t, d.db, func(conn bun.Conn) error {
					dropped, err := autogen.NewTables().Drop(t.Context(), conn, models)
					if want := []string{"sales", "shops"}; !slices.Equal(dropped, want) {
						t.Errorf("dropped %v, want %v", dropped, want)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		})
	}
}
