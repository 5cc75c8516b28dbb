package autogen_test

import (
	"testing"

	"ariga.io/atlas/schemahcl"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"github.com/zclconf/go-cty/cty"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// A schema can be written as HCL and read back without a difference, so that
// a snapshot of it can stand beside the code.
func TestSchemasSurviveHCL(t *testing.T) {
	t.Parallel()
	codecs := map[dbmodule.Engine]struct {
		marshal schemahcl.Marshaler
		eval    func([]byte, any, map[string]cty.Value) error
		differ  schema.Differ
	}{
		dbmodule.SQLite:     {sqlite.MarshalHCL, sqlite.EvalHCLBytes, sqlite.DefaultDiff},
		dbmodule.PostgreSQL: {postgres.MarshalHCL, postgres.EvalHCLBytes, postgres.DefaultDiff},
		dbmodule.MySQL:      {mysql.MarshalHCL, mysql.EvalHCLBytes, mysql.DefaultDiff},
	}
	for _, engine := range engines {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			codec := codecs[engine]
			want := realm(t, engine, append(library(), (*values)(nil))...).Schemas[0]
			want.Name = "main"
			text, err := codec.marshal.MarshalSpec(want)
			if err != nil {
				t.Fatal(err)
			}
			var got schema.Schema
			if err := codec.eval(text, &got, nil); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			changes, err := codec.differ.SchemaDiff(&got, want, schema.DiffNormalized())
			if err != nil || len(changes) != 0 {
				planned, _ := autogen.Plan(t.Context(), engine, changes)
				for _, change := range planned {
					t.Error(change.Cmd)
				}
				t.Errorf("%d changes, %v", len(changes), err)
			}
		})
	}
}
