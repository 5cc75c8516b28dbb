package retype_test

import (
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/internal/retype"
)

func TestWith(t *testing.T) {
	t.Parallel()
	back := []string{`ALTER TABLE "t" ALTER COLUMN "v" TYPE text, ALTER w TYPE text`, `ALTER TABLE audit."T" ALTER "a ""b" TYPE text`}
	collations := map[string]string{"v": `pg_catalog."C"`, "w": `public.german`, `a "b`: `pg_catalog."POSIX"`}
	tests := map[string]struct {
		sql  string
		back []string
		want string
	}{
		"one":                 {`ALTER TABLE "t" ALTER COLUMN "v" TYPE varchar(20)`, back, `ALTER TABLE "t" ALTER COLUMN "v" TYPE varchar(20) COLLATE pg_catalog."C"`},
		"using":               {`ALTER TABLE "t" ALTER V SET DATA TYPE varchar (20) USING left(v, 20)`, back, `ALTER TABLE "t" ALTER V SET DATA TYPE varchar (20) COLLATE pg_catalog."C" USING left(v, 20)`},
		"two, and others":     {`ALTER TABLE "t" ADD COLUMN n numeric(1, 2), ALTER v TYPE character varying(20), ALTER w DROP DEFAULT, ALTER w TYPE text[]`, back, `ALTER TABLE "t" ADD COLUMN n numeric(1, 2), ALTER v TYPE character varying(20) COLLATE pg_catalog."C", ALTER w DROP DEFAULT, ALTER w TYPE text[] COLLATE public.german`},
		"another schema":      {`ALTER TABLE IF EXISTS ONLY audit."T" ALTER COLUMN "a ""b" TYPE text /* , */`, back, `ALTER TABLE IF EXISTS ONLY audit."T" ALTER COLUMN "a ""b" TYPE text COLLATE pg_catalog."POSIX" /* , */`},
		"its own collation":   {`ALTER TABLE "t" ALTER COLUMN "v" TYPE text COLLATE "default"`, back, `ALTER TABLE "t" ALTER COLUMN "v" TYPE text COLLATE "default"`},
		"that of the other":   {`ALTER TABLE "t" ALTER COLUMN "v" TYPE text`, []string{`ALTER TABLE "t" ALTER COLUMN "v" TYPE text COLLATE "C"`}, `ALTER TABLE "t" ALTER COLUMN "v" TYPE text`},
		"no other direction":  {`ALTER TABLE "t" ALTER COLUMN "v" TYPE text`, nil, `ALTER TABLE "t" ALTER COLUMN "v" TYPE text`},
		"another table's":     {`ALTER TABLE u ALTER COLUMN "v" TYPE text`, back, `ALTER TABLE u ALTER COLUMN "v" TYPE text`},
		"nothing has a type":  {`ALTER TABLE t ADD CHECK (v <> 'ALTER v TYPE text')`, back, ""},
		"a type of that name": {`ALTER TYPE t ALTER ATTRIBUTE v TYPE text`, back, ""},
		"it breaks off":       {`ALTER TABLE t ALTER v TYPE`, back, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if s := retype.Find([]string{tt.sql}, tt.back)[0]; s != nil {
				got = s.With(collations)
			}
			if got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
}
