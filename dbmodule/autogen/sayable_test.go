package autogen_test

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// sayable is one thing that a model can say about a column: "type" or
// "type | default".
type sayable string

// sayables reads a table, one line each.
func sayables(table string) []sayable {
	var all []sayable
	for line := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		all = append(all, sayable(line))
	}
	return all
}

// columnsOf are the cases of an engine.
func columnsOf(engine dbmodule.Engine) []sayable { return slices.Concat(everywhere, own[engine]) }

// modelOf makes a model whose columns say these things.
func modelOf(table string, columns []sayable) any {
	fields := []reflect.StructField{
		{Name: "BaseModel", Type: reflect.TypeFor[bun.BaseModel](), Anonymous: true, Tag: reflect.StructTag(`bun:"table:` + table + `"`)},
		{Name: "ID", Type: reflect.TypeFor[int64](), Tag: `bun:",pk"`},
	}
	for i, said := range columns {
		declared, value, hasDefault := strings.Cut(string(said), " | ")
		tag := fmt.Sprintf("c%d,type:%s", i, tagText(declared))
		if hasDefault {
			tag += ",default:" + tagText(value)
		}
		fields = append(fields, reflect.StructField{
			Name: "C" + strconv.Itoa(i), Type: reflect.TypeFor[*string](), Tag: reflect.StructTag("bun:" + strconv.Quote(tag)),
		})
	}
	return reflect.New(reflect.StructOf(fields)).Interface()
}

// tagText puts what has a comma or a quote into the quotes that Bun takes.
func tagText(text string) string {
	if strings.ContainsAny(text, `,"\`) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	}
	return text
}

// TestWhatIsSaidComesBackFromTheSnapshot writes and reads every type and
// default that a model can say, by itself: the two are equal, and written
// again the same bytes.
func TestWhatIsSaidComesBackFromTheSnapshot(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			columns := columnsOf(engine)
			if len(columns) < 200 {
				t.Errorf("only %d cases", len(columns))
			}
			for i, said := range columns {
				want, err := autogen.Realm(engine, modelOf("said", columns[i:i+1]))
				if err != nil {
					t.Errorf("%s: %v", said, err)
					continue
				}
				text, err := autogen.MarshalSnapshot(engine, want)
				if err != nil {
					t.Errorf("%s: %v", said, err)
					continue
				}
				got, err := autogen.ParseSnapshot(engine, text, "said.hcl")
				if err != nil {
					t.Errorf("%s: %v\n%s", said, err, text)
					continue
				}
				if draft := compare(t, engine, got, want); !draft.Empty() {
					t.Errorf("%s comes back as another:\n%s\nfrom\n%s", said, strings.Join(draft.Up, "\n"), text)
				}
				if made, remade := tablesDDL(t, engine, want), tablesDDL(t, engine, got); made != remade {
					t.Errorf("%s: the snapshot makes\n%s\nand the models\n%s", said, remade, made)
				}
				if again := marshal(t, engine, got); !bytes.Equal(again, text) {
					t.Errorf("%s: written again it is\n%s\nand was\n%s", said, again, text)
				}
			}
		})
	}
}

func tablesDDL(t *testing.T, engine dbmodule.Engine, r *schema.Realm) string {
	t.Helper()
	statements, err := autogen.DDL(t.Context(), engine, r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(statements, ";\n")
}

// TestWhatIsSaidIsQuietOnTheDatabase creates a table of every type and default
// that a model can say on the real engine: a comparison with the models finds
// nothing, neither with a snapshot nor without.
func TestWhatIsSaidIsQuietOnTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, nil, func(t *testing.T, d database) {
		for n, columns := range slices.Collect(slices.Chunk(columnsOf(d.engine), 30)) {
			model := modelOf(fmt.Sprintf("said%d", n), columns)
			want := realm(t, d.engine, model)
			migrate(t, d, compare(t, d.engine, schema.NewRealm(), want).Up)
			for _, snapshot := range []*schema.Realm{nil, want} {
				draft := compareLive(t, d, snapshot, nil, []any{model})
				for _, statement := range draft.Up {
					t.Errorf("%s", statement)
				}
				for i, said := range columns {
					if strings.Contains(strings.Join(draft.Up, " ")+" ", fmt.Sprintf("c%d%c ", i, quoteOf(d.engine))) {
						t.Logf("c%d is %s", i, said)
					}
				}
			}
		}
	})
}

func quoteOf(engine dbmodule.Engine) rune {
	if engine == dbmodule.PostgreSQL {
		return '"'
	}
	return '`'
}
