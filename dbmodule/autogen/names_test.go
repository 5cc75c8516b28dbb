package autogen

import (
	"strconv"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

// Names that were cut to the same text get different ones, even if their
// hashes are equal; and the same thing has the same name each time.
func TestNamesWhoseHashesAreEqual(t *testing.T) {
	t.Parallel()
	table := tableName{name: strings.Repeat("long_", 12)}
	identity := func(part string) string { return strings.Join([]string{"uq", table.String(), "", part}, "\x00") }
	byHash := map[string]string{}
	var one, other string
	for i := 0; other == ""; i++ {
		part := "c" + strconv.Itoa(i)
		hash := shortHash(identity(part))
		if known, ok := byHash[hash]; ok {
			one, other = known, part
		}
		byHash[hash] = part
	}
	n := names{}
	got := map[string]bool{}
	for range 2 {
		got[n.build("uq", table, []string{one}, "")] = true
		got[n.build("uq", table, []string{other}, "")] = true
	}
	if len(got) != 2 {
		t.Errorf("%s and %s have the names %v", one, other, got)
	}
	for name := range got {
		if len(name) > longestMade {
			t.Errorf("%s has %d bytes", name, len(name))
		}
	}
}

// SQLite and MySQL take names that differ by case for the same.
func TestNamesThatDifferByCase(t *testing.T) {
	t.Parallel()
	n := names{}
	a := n.build("ix", tableName{name: "a_B"}, []string{"c"}, "")
	b := n.build("ix", tableName{name: "a"}, []string{"b_c"}, "")
	if strings.EqualFold(a, b) {
		t.Errorf("both are %s", a)
	}
	for _, e := range []engine{sqliteEngine{}, mysqlEngine{}} {
		n := names{}
		for i, name := range []string{"ix_t", "IX_T"} {
			if err := n.take(e, tableName{name: "t"}, chosenName{indexKind, name}); (err == nil) != (i == 0) {
				t.Errorf("%s: %s was taken: %v", e.name(), name, err)
			}
		}
		// MySQL's indexes have their names in their tables.
		if err := n.take(e, tableName{name: "other"}, chosenName{indexKind, "ix_t"}); (err == nil) != (e.name() == dbmodule.MySQL) {
			t.Errorf("%s: the name in another table was taken: %v", e.name(), err)
		}
	}
}
