package dbmodule_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func lookupIn(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := variables[name]; return value, ok }
}

// A named database has a URL, replicas and a password of its own, or none; other
// settings are the main one's unless a variable says otherwise.
func TestNamedSettings(t *testing.T) {
	t.Parallel()
	main := dbmodule.DefaultConfig()
	main.PasswordFile, main.Echo, main.PoolSize = "/run/main", dbmodule.EchoOn, 9
	require.NoError(t, main.URL.UnmarshalText([]byte("postgresql://app@main/main")))
	require.NoError(t, main.ReplicaURLs.UnmarshalText([]byte("postgresql://app@replica/main")))
	got, err := main.Named("event-archive", lookupIn(map[string]string{
		"EVENT_ARCHIVE_DATABASE_URL": "postgresql://app@other/archive", "DATABASE_PASSWORD_FILE": "/run/main", "DATABASE_POOL_SIZE": "3",
		"EVENT_ARCHIVE_DATABASE_POOL_TIMEOUT": "2s", "EVENT_ARCHIVE_DATABASE_SCHEMA": "none", "EVENT_ARCHIVE_DATABASE_GROUP_COMMIT": "false",
		"EVENT_ARCHIVE_DATABASE_MAX_OVERFLOW": "-1", "EVENT_ARCHIVE_BUNDEBUG": "2",
	}))
	require.NoError(t, err)
	want := main
	require.NoError(t, want.URL.UnmarshalText([]byte("postgresql://app@other/archive")))
	want.ReplicaURLs, want.PasswordFile = nil, ""
	want.PoolTimeout, want.Schema, want.GroupCommit, want.MaxOverflow, want.BunDebug = 2*time.Second, dbmodule.SchemaNone, false, -1, "2"
	assert.Equal(t, want, got)
}

func TestNamedSettingsSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	main := dbmodule.DefaultConfig()
	got, err := main.Named("archive", lookupIn(map[string]string{
		"DATABASE_URL": "sqlite:///main.db", "ARCHIVE_DATABASE_POOL_SIZE": "many", "ARCHIVE_DATABASE_ECHO": "loud",
		"ARCHIVE_DATABASE_GROUP_COMMIT": "perhaps", "ARCHIVE_DATABASE_POOL_TIMEOUT": "long",
	}))
	assert.Zero(t, got)
	for _, want := range []string{
		"settings of database archive", "ARCHIVE_DATABASE_URL is not set: it says which database archive is", "ARCHIVE_DATABASE_POOL_SIZE", "ARCHIVE_DATABASE_ECHO",
		"ARCHIVE_DATABASE_GROUP_COMMIT", "ARCHIVE_DATABASE_POOL_TIMEOUT",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = main.Named("archive", lookupIn(map[string]string{"ARCHIVE_DATABASE_URL": "postgresql://app:hush@h:port/x"}))
	require.ErrorContains(t, err, "ARCHIVE_DATABASE_URL")
	assert.NotContains(t, err.Error(), "hush")
}

// Every setting that a variable names can be set for a named database.
func TestNamedSettingsKnowEveryVariable(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"DATABASE_URL": "sqlite:///a.db", "DATABASE_REPLICA_URLS": "postgresql://a@b/c", "DATABASE_ECHO": "true", "DATABASE_SCHEMA": "none", "BUNDEBUG": "1",
		"DATABASE_PASSWORD_FILE": "/a", "DATABASE_PASSWORD_COMMAND": "a b",
	}
	kinds := map[reflect.Type]string{reflect.TypeFor[time.Duration](): "7s", reflect.TypeFor[int](): "7", reflect.TypeFor[bool](): "false"}
	fields := reflect.TypeFor[dbmodule.Config]()
	for i := range fields.NumField() {
		field := fields.Field(i)
		tag, ok := field.Tag.Lookup("envconfig")
		if !ok {
			continue
		}
		value, ok := values[tag]
		if !ok {
			value = kinds[field.Type]
		}
		base := dbmodule.DefaultConfig()
		got, err := base.Named("x", lookupIn(map[string]string{"X_DATABASE_URL": "sqlite:///x.db", "X_" + tag: value}))
		require.NoError(t, err, tag)
		if field.Type.Kind() != reflect.Bool {
			assert.NotEqual(t, reflect.ValueOf(base).Field(i).Interface(), reflect.ValueOf(got).Field(i).Interface(), tag)
		}
	}
}

// Settings that are the main database's to the last one are those of a reader
// that fell back to them.
func TestNamedRefusesTheMainDatabasesSettings(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	cfg.Schema = dbmodule.SchemaNone
	other := cfg
	other.PoolSize++ // a second pool on the same database is somebody's choice
	for _, test := range []struct {
		named   dbmodule.Config
		refused bool
	}{{cfg, true}, {other, false}} {
		var db struct {
			fx.In

			Archive *dbmodule.Database `name:"archive"`
		}
		app := fx.New(fx.NopLogger, fx.Supply(cfg, zap.NewNop()), dbmodule.Module, dbmodule.Named("archive"), dbmodule.NamedConfig("archive", test.named), fx.Populate(&db))
		if err := app.Err(); test.refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "ARCHIVE_DATABASE_URL") {
			t.Errorf("%v, want a refusal: %t", err, test.refused)
		}
	}
}
