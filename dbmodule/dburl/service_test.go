package dburl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dburl"
)

func serviceFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "services.conf")
	require.NoError(t, os.WriteFile(path, []byte(`# shared
[other]
host=evil

[shop]
host=db.example
port = 5433
user=ann
password=`+marker+`&x=1
dbname=shop & co
# not set: sslmode=disable
sslmode=require
application_name=from the file

[broken]
nonsense
[unknown]
keepalive_idle=1
[nested]
service=shop
`), 0o600))
	return path
}

// The file fills in what the URL does not say.
func TestService(t *testing.T) {
	t.Parallel()
	file := serviceFile(t)
	u, err := parse(t, "postgresql+psycopg:///?service=shop&servicefile="+file).WithService()
	require.NoError(t, err)
	assert.Equal(t, []dburl.Host{{Name: "db.example", Port: 5433}}, u.Hosts())
	assert.Equal(t, []string{"ann", marker + "&x=1", "shop & co"}, []string{u.User(), u.Password().Reveal(), u.Database()})
	assert.Equal(t, "require", u.PostgreSQL().Settings["sslmode"])
	assert.Equal(t, "from the file", u.PostgreSQL().Runtime["application_name"])
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", u, u, u), marker)
	again, err := u.WithService()
	require.NoError(t, err)
	assert.Equal(t, u, again, "once")

	u, err = parse(t, "postgresql://bob:p%40w@here:1/d@x?sslmode=disable&application_name=a%26b&service=shop&servicefile="+file).WithService()
	require.NoError(t, err)
	assert.Equal(t, []dburl.Host{{Name: "here", Port: 1}}, u.Hosts())
	assert.Equal(t, []string{"bob", "p@w", "d@x"}, []string{u.User(), u.Password().Reveal(), u.Database()})
	assert.Equal(t, "disable", u.PostgreSQL().Settings["sslmode"])
	assert.Equal(t, "a&b", u.PostgreSQL().Runtime["application_name"])

	for _, raw := range []string{"postgresql://h/d", "mysql://h/d", "sqlite:///a.db"} {
		u := parse(t, raw)
		same, err := u.WithService()
		require.NoError(t, err)
		assert.Equal(t, u, same)
	}
}

func TestServiceErrors(t *testing.T) {
	t.Parallel()
	file := serviceFile(t)
	for service, want := range map[string]string{
		"none": "the file has no such section", "broken": "line 16 is not of the form name=value",
		"unknown": `option "keepalive_idle" is not known`, "nested": "line 20 names another service",
	} {
		_, err := parse(t, "postgresql://u:"+marker+"@h/d?service="+service+"&servicefile="+file).WithService()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, file)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), marker)
	}
	_, err := parse(t, "postgresql://h/d?service=shop&servicefile="+file+"x").WithService()
	require.ErrorContains(t, err, "no such file")
	assert.Equal(t, 1, strings.Count(err.Error(), file), "the path is named once")
	assert.NotContains(t, err.Error(), "PGSERVICEFILE")
	_, err = parse(t, "postgresql://h/d?service=no-such-service-anywhere").WithService()
	require.ErrorContains(t, err, "servicefile=/path; PGSERVICEFILE is not read")
}
