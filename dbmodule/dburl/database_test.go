package dburl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dburl"
)

func TestURLWithDatabase(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, name, want string }{
		{"postgresql+asyncpg://ann:secret@db1:5433,db2/books?ssl=disable", "postgres", "postgresql+asyncpg://ann:***@db1:5433,db2/postgres?ssl=disable"},
		{"postgresql://[::1]/books", "a b/c", "postgresql://[::1]/a%20b/c"},
		{"mysql://ann:s%2Fecret@db:3307/books?charset=utf8mb4", "", "mysql://ann:***@db:3307/?charset=utf8mb4"},
		{"mysql://db", "books", "mysql://db/books"},
	} {
		u, err := dburl.ParseURL(test.url)
		require.NoError(t, err)
		before := u.String()
		other, err := u.WithDatabase(test.name)
		require.NoError(t, err)
		require.Equal(t, test.want, other.String())
		require.Equal(t, test.name, other.Database())
		require.Equal(t, before, u.String(), "the first URL is as it was")
	}
	sqlite, err := dburl.ParseURL("sqlite:///books.db")
	require.NoError(t, err)
	for _, u := range []dburl.URL{sqlite, {}} {
		_, err := u.WithDatabase("books")
		require.ErrorContains(t, err, "names no server")
	}
	server, err := dburl.ParseURL("mysql://db")
	require.NoError(t, err)
	_, err = server.WithDatabase("a\nb")
	require.ErrorContains(t, err, "control character")
}
