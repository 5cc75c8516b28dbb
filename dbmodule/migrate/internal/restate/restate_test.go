package restate_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/internal/restate"
)

func TestOn(t *testing.T) {
	t.Parallel()
	const up, down = "ALTER TABLE `t` MODIFY COLUMN `a` varchar(40) NOT NULL DEFAULT 'x'", "ALTER TABLE `t` MODIFY COLUMN `a` varchar(20) NULL"
	for name, test := range map[string]struct{ up, down, live, want, err string }{
		"as it is known": {up, down, "`a` varchar(20) DEFAULT NULL", up, ""},
		"all kinds": {
			up, down, "`a` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL INVISIBLE COMMENT 'it''s, pii' CHECK (`a` <> 'bad')",
			"ALTER TABLE `t` MODIFY COLUMN `a` varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'x' COMMENT 'it''s, pii' INVISIBLE CHECK (`a` <> 'bad')", "",
		},
		"a default of nobody": {
			"ALTER TABLE t MODIFY a bigint NOT NULL, ADD COLUMN b int, MODIFY c bigint NULL AFTER a", "ALTER TABLE t MODIFY a bigint NULL, MODIFY c bigint",
			"`a` bigint(20) DEFAULT 7,\n  `c` bigint(20) NOT NULL AUTO_INCREMENT",
			"ALTER TABLE t MODIFY a bigint NOT NULL DEFAULT 7, ADD COLUMN b int, MODIFY c bigint NULL AUTO_INCREMENT AFTER a", "",
		},
		"a default of another type": {
			"ALTER TABLE t MODIFY a bigint NOT NULL", "ALTER TABLE t MODIFY a varchar(20) NULL",
			"`a` varchar(20) DEFAULT 'seven'", "ALTER TABLE t MODIFY a bigint NOT NULL", "",
		},
		"a default in bits, a point, a sign": {
			"ALTER TABLE t MODIFY a bit(1) NOT NULL DEFAULT b'0', MODIFY d decimal(10,2) NOT NULL", "ALTER TABLE t MODIFY a bit(1), MODIFY d decimal(9,2)",
			"`a` bit(1) DEFAULT b'1' COMMENT 'c',\n  `d` decimal(9,2) DEFAULT -1.50",
			"ALTER TABLE t MODIFY a bit(1) NOT NULL DEFAULT b'0' COMMENT 'c', MODIFY d decimal(10,2) NOT NULL DEFAULT -1.50", "",
		},
		"ON UPDATE": {
			"ALTER TABLE t MODIFY a datetime(6) NOT NULL DEFAULT current_timestamp(6)", "ALTER TABLE t MODIFY a datetime(6) NULL",
			"`a` datetime(6) DEFAULT NULL ON UPDATE current_timestamp(6)",
			"ALTER TABLE t MODIFY a datetime(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6)", "",
		},
		"what the revision takes away": {
			up, "ALTER TABLE t MODIFY a varchar(20) COLLATE utf8mb4_bin NULL COMMENT 'old' CHECK (a > 1)",
			"`a` varchar(20) COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'old' CHECK (`a` > 1)", up, "",
		},
		"a text that was JSON": {
			"ALTER TABLE t MODIFY a longtext NULL", "ALTER TABLE t MODIFY a json NULL",
			"`a` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`a`))", "ALTER TABLE t MODIFY a longtext NULL", "",
		},
		"a number has no collation": {
			"ALTER TABLE t MODIFY a int NULL", down, "`a` varchar(20) COLLATE utf8mb4_bin DEFAULT NULL", "ALTER TABLE t MODIFY a int NULL", "",
		},
		"clauses in comments that the server executes": {
			up + ", MODIFY g geometry NOT NULL", down + ", MODIFY g geometry NULL",
			"`a` varchar(20) /*M!100301 COMPRESSED*/ DEFAULT NULL COMMENT 'c' /*!80023 INVISIBLE */,\n  `g` geometry DEFAULT NULL /*!80003 SRID 4326 */",
			up + " COMPRESSED COMMENT 'c' INVISIBLE, MODIFY g geometry NOT NULL SRID 4326", "",
		},
		"a number is not compressed": {
			"ALTER TABLE t MODIFY a int NULL", down, "`a` varchar(20) /*M!100301 COMPRESSED*/ DEFAULT NULL", "ALTER TABLE t MODIFY a int NULL", "",
		},
		"generated": {up, down, "`a` varchar(20) GENERATED ALWAYS AS (upper(`b`)) STORED", "", "column a of table t: it is a generated column (GENERATED ALWAYS AS (upper(`b`)) STORED)"},
		"only where it is there": {
			"ALTER TABLE IF EXISTS t MODIFY COLUMN IF EXISTS a int, CHANGE IF EXISTS b z int", "ALTER TABLE t MODIFY a bigint, CHANGE z b bigint",
			"`a` bigint(20) DEFAULT NULL COMMENT 'c',\n  `b` bigint(20) DEFAULT NULL COMMENT 'd'",
			"ALTER TABLE IF EXISTS t MODIFY COLUMN IF EXISTS a int COMMENT 'c', CHANGE IF EXISTS b z int COMMENT 'd'", "",
		},
		"not for long": {
			"ALTER ONLINE TABLE d.t WAIT 5 MODIFY a int", "ALTER TABLE d.t NOWAIT MODIFY a bigint",
			"`a` bigint(20) DEFAULT NULL COMMENT 'c'", "ALTER ONLINE TABLE d.t WAIT 5 MODIFY a int COMMENT 'c'", "",
		},
		"a change of a name": {"ALTER TABLE t CHANGE a z int", "ALTER TABLE t CHANGE z a bigint", "`a` bigint(20) DEFAULT NULL COMMENT 'c'", "ALTER TABLE t CHANGE a z int COMMENT 'c'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := restate.Find([]string{test.up}, []string{test.down})[0]
			if s == nil {
				t.Fatal("not found")
			}
			got, err := s.On("CREATE TABLE `t` (\n  " + test.live + ",\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB")
			if got != test.want || test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("%s, %v\nwant\n%s, %s", got, err, test.want, test.err)
			}
		})
	}
	if found := restate.Find([]string{up}, nil); len(found) != 0 {
		t.Error("what the column was is not known, and the author's word counts")
	}
}
