package autogen_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"math"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

func ptr[T any](v T) *T { return &v }

func TestValuesComeBack(t *testing.T) {
	t.Parallel()

	moment := time.Date(2024, 2, 29, 23, 59, 58, 123456000, time.UTC)
	full := values{
		Bool: true, Int: math.MinInt64, Int8: math.MinInt8, Int16: math.MinInt16, Int32: math.MinInt32, Int64: math.MaxInt64,
		Uint: 1 << 62, Uint8: math.MaxUint8, Uint16: math.MaxUint16, Uint32: math.MaxUint32, Uint64: math.MaxInt64,
		Float32: 3.1415927, Float64: math.Pi * 1e50,
		String: "héllo 'wörld' \\ 🙂\n", Named: "red", Text: strings.Repeat("Ω", 100_000), Sized: "sized", Exact: "Exact", Fixed: "four",
		Bytes: bytes.Repeat([]byte{0, 1, 255, '\''}, 50_000), Key: key8{1, 2, 3, 4, 5, 6, 7, 8}, Blob: []byte("blob"),
		Time: moment, Stamp: moment, NullTime: bun.NullTime{Time: moment},
		UUID: uuid.New(), TypedUUID: uuid.New(), NullUUID: uuid.NullUUID{UUID: uuid.New(), Valid: true},
		Map: map[string]any{"a": "b"}, Slice: []string{"x", "y, z"}, Struct: address{"Main 'St'", 7},
		Raw: json.RawMessage(`{"a": [1, 2]}`), Number: json.RawMessage(`12345678901234567890`),
		Decimal: "12345678.901234", IP: net.ParseIP("10.1.2.3"), Addr: netip.MustParseAddr("2001:db8::1"),
		PtrInt: ptr(int64(-5)), PtrString: ptr(""), PtrTime: &moment, PtrUUID: ptr(uuid.New()), Zero: 9,
		NullString: sql.NullString{String: "s", Valid: true}, NullInt32: sql.NullInt32{Int32: -3, Valid: true},
		NullBool: sql.NullBool{Bool: true, Valid: true}, Generic: sql.Null[int16]{V: 12, Valid: true}, Duration: 90 * time.Second,
		Count: 1, Ratio: 0.25, Flag: true, BitFlag: false, Word: "w", Long: "l", Doc: address{"d", 1}, Now: moment, Random: uuid.New(), Sum: 5,
		Embedded: address{"inner", 3},
	}
	empty := values{Word: "w", Fixed: "four", Decimal: "0.000000", Raw: json.RawMessage(`null`), Number: json.RawMessage(`1.50`), Random: uuid.New(), Addr: full.Addr, Time: moment, Stamp: moment, Now: moment}

	each(t, []any{(*values)(nil)}, func(t *testing.T, d database) {
		create(t, d.db, (*values)(nil))
		for name, want := range map[string]values{"full": full, "empty": empty} {
			if _, err := d.db.NewInsert().Model(&want).Exec(t.Context()); err != nil {
				t.Fatalf("%s: insert: %v", name, err)
			}
			var got values
			if err := d.db.NewSelect().Model(&got).Where("id = ?", want.ID).Scan(t.Context()); err != nil {
				t.Fatalf("%s: select: %v", name, err)
			}
			g, w := reflect.ValueOf(got), reflect.ValueOf(want)
			for i := range g.NumField() {
				field := g.Type().Field(i)
				if !field.IsExported() || field.Anonymous {
					continue
				}
				if field.Name == "Decimal" {
					// SQLite gives numbers back as it likes to write them.
					a, _ := new(big.Float).SetString(got.Decimal)
					b, _ := new(big.Float).SetString(want.Decimal)
					if a == nil || a.Cmp(b) != 0 {
						t.Errorf("%s: Decimal = %s, want %s", name, got.Decimal, want.Decimal)
					}
					continue
				}
				if got, want := normal(g.Field(i).Interface()), normal(w.Field(i).Interface()); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s = %.60v (%T), want %.60v", name, field.Name, got, got, want)
				}
			}
		}
	})
}

// normal makes values equal that mean the same: times in other zones, JSON
// with other spaces, decimals with other zeros, nothing in two ways.
func normal(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case *time.Time:
		if v == nil {
			return nil
		}
		return normal(*v)
	case bun.NullTime:
		return normal(v.Time)
	case json.RawMessage:
		var b bytes.Buffer
		if json.Compact(&b, v) != nil {
			return string(v)
		}
		return b.String()
	case []byte:
		return string(v)
	case net.IP:
		return v.String()
	}
	if r := reflect.ValueOf(v); r.IsValid() && (r.Kind() == reflect.Map || r.Kind() == reflect.Slice) && r.Len() == 0 {
		return nil
	}
	return v
}

func TestDefaultsAreWhatTheTagsSay(t *testing.T) {
	t.Parallel()
	each(t, []any{(*values)(nil)}, func(t *testing.T, d database) {
		create(t, d.db, (*values)(nil))
		before := time.Now().Add(-time.Minute)
		exec(t, d.db, map[bool]string{
			true:  "INSERT INTO `values` (`sized`) VALUES ('x')",
			false: `INSERT INTO "values" ("sized") VALUES ('x')`,
		}[d.engine == "mysql"])
		var got values
		err := d.db.NewSelect().Model(&got).Column("id", "count", "ratio", "flag", "bit_flag", "word", "long", "doc", "now", "random", "sum").Scan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.Count != 7 || got.Ratio != -1.5 || !got.Flag || !got.BitFlag || got.Word != `it's \ here` || got.Long != "long" || got.Sum != 3 {
			t.Errorf("count %d, ratio %v, flag %v, bit_flag %v, word %q, long %q, sum %d",
				got.Count, got.Ratio, got.Flag, got.BitFlag, got.Word, got.Long, got.Sum)
		}
		if got.Doc != (address{}) {
			t.Errorf("doc = %+v", got.Doc)
		}
		if got.Now.Before(before) || got.Now.After(time.Now().Add(time.Minute)) {
			t.Errorf("now = %s", got.Now)
		}
		if got.Random == uuid.Nil {
			t.Error("random is nil")
		}
	})
}

func TestExactCollation(t *testing.T) {
	t.Parallel()
	each(t, []any{(*values)(nil)}, func(t *testing.T, d database) {
		create(t, d.db, (*values)(nil))
		if _, err := d.db.NewInsert().Model(&values{Exact: "Case", Addr: netip.MustParseAddr("::1"), Decimal: "1", Raw: []byte("1"), Number: []byte("1"), Time: time.Now(), Stamp: time.Now()}).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := d.db.NewSelect().Model((*values)(nil)).Where("exact = ?", "case").Count(t.Context())
		if err != nil || n != 0 {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}
