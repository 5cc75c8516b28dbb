package sqlscan_test

import (
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/internal/sqlscan"
)

func TestReader(t *testing.T) {
	t.Parallel()
	r := sqlscan.Reader{Tokens: sqlscan.MySQL.Tokens("ALTER TABLE `t`, u")}
	if r.Comes("ALTER", "VIEW") || r.Comes("TABLE") || r.At != 0 {
		t.Error("it read words that do not come")
	}
	if !r.Next("DROP", "ALTER") || r.At != 0 || !r.Comes("alter", "table") {
		t.Error("it did not see the words that come")
	}
	if name := r.Any().Text; name != "`t`" {
		t.Error(name)
	}
	if r.Symbol(".") || !r.Symbol(",") || r.Ended() {
		t.Error("the comma comes, and one more name")
	}
	if r.Any().Text != "u" || !r.Ended() || r.Any().Text != "" || r.Next("u") || r.Comes("u") || r.Symbol(",") {
		t.Error("nothing comes after the end")
	}
}
