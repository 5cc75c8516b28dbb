package dbmodule_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

func TestReplicasThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, replicas, want string }{
		"SQLite":        {"sqlite:///x.db", "sqlite:///y.db", "SQLite has no replicas"},
		"other engine":  {"postgresql://a/x", "mysql://b/x", "it is a mysql database"},
		"several hosts": {"postgresql://a/x", "postgresql://b,c/x", "several hosts"},
		"no URL":        {"postgresql://a/x", "b.example", "number 1"},
		"the second":    {"postgresql://a/x", "postgresql://b/x, postgresql://c:pass:word/x", "number 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := dbmodule.DefaultConfig()
			require.NoError(t, cfg.URL.Decode(c.url))
			require.NoError(t, cfg.ReplicaURLs.Decode(c.replicas))
			_, err := dbmodule.Open(cfg, nil)
			require.ErrorContains(t, err, "DATABASE_REPLICA_URLS")
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "pass:word")
		})
	}
}

func TestParseURLs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                 "",
		" , ":              "",
		"postgresql://a/x": "postgresql://a/x",
		"mysql://a/x, mysql://u:p,q@b/y\n mariadb+aiomysql://c/z,": "mysql://a/x,mysql://u:***@b/y,mariadb+aiomysql://c/z",
	} {
		urls, err := dbmodule.ParseURLs(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, urls.String())
	}
	_, err := dbmodule.ParseURLs("mysql://a/x,mysql://u:s3cret@b:port/x")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "s3cret")
}
