package dburl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientFlags(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"sqlite:///x.db":   "",
		"postgresql://h/d": "--host=h",
		"postgresql+asyncpg://me:" + marker + "@h:5433/d": "--host=h --port=5433 --username=me",
		"postgresql://me@a:1,b/d":                         "--host=a,b --port=1, --username=me",
		"postgresql://me@/d?host=/run/postgresql":         "--host=/run/postgresql --username=me",
		"mysql://me:" + marker + "@[::1]:3307/d":          "--host=::1 --port=3307 --user=me",
		"mariadb://me@h/d?unix_socket=/run/m.sock":        "--socket=/run/m.sock --user=me",
		"mysql://me@h/d?ssl_ca=/ca.pem&passwd=" + marker:  "--host=h --user=me --ssl --ssl-verify-server-cert --ssl-ca=/ca.pem",
	} {
		require.Equal(t, want, strings.Join(parse(t, raw).ClientFlags(), " "), raw)
	}
}
