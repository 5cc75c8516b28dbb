package dbcmd_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/doctor"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.SQLite)
	cfg.Schema = dbmodule.SchemaMigrate
	p := newProgram(t, modelsV1()...).on(cfg)
	p.must("init")
	p.must("revision", "--autogenerate", "-m", "create", "--rev-id", "one")
	p.must("upgrade")

	text := p.must("doctor").stdout
	require.Regexp(t, `(?m)^found     0 wrong, `, text)
	require.Regexp(t, `(?m)^ok +revisions +at one$`, text)
	require.Regexp(t, `(?m)^ok +use tables +the tables of 2 models`, text)

	// What is wrong fails the command, and is told with what to do.
	var err error
	cfg.URL, err = dbmodule.ParseURL(cfg.URL.String() + "?synchronous=OFF")
	require.NoError(t, err)
	p.on(cfg)
	r := p.fails([]string{"1 check found something wrong"}, "doctor")
	require.Regexp(t, `(?m)^WRONG +synchronous +OFF: .*\n +do: remove synchronous from DATABASE_URL$`, r.stdout)
	require.False(t, isUsage(r.err))

	var report doctor.Report
	r = p.fails(nil, "doctor", "--json")
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Equal(t, 1, report.Count(doctor.Wrong))
	require.Equal(t, dbmodule.SQLite, report.Engine)
}

// Settings that can't be read are findings too, each of them, and so are those
// that nobody knows.
func TestDoctorOfSettings(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.config.Settings = func() (dbcmd.Settings, error) {
		return dbcmd.Settings{}, errors.Join(errors.New("ONE: takes a number"), errors.New("TWO: takes another"))
	}
	r := p.fails([]string{"2 checks found something wrong"}, "doctor")
	require.Regexp(t, `(?m)^WRONG +settings +ONE: takes a number$`, r.stdout)
	require.Regexp(t, `(?m)^WRONG +settings +TWO: takes another$`, r.stdout)

	cfg := dbtest.Config(t, dbmodule.SQLite)
	p.config.Settings = func() (dbcmd.Settings, error) {
		return dbcmd.Settings{Database: cfg, Notes: []string{"DATABASE_ULR is not a setting"}}, nil
	}
	require.Regexp(t, `(?m)^WARNING +settings +DATABASE_ULR is not a setting$`, p.must("doctor").stdout)
}
