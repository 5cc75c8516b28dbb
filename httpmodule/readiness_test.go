package httpmodule_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/servertest"
)

// readyAnswer is what /ready says.
type readyAnswer struct {
	Status, Detail string
	Databases      map[string]struct {
		Engine string
		Reads  bool
	}
}

func askReady(t *testing.T, h http.Handler) (status int, told readyAnswer) {
	t.Helper()
	res := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ready", http.NoBody)
	req.Host = "127.0.0.1"
	h.ServeHTTP(res, req)
	require.NoError(t, json.Unmarshal(res.Body.Bytes(), &told))
	return res.Code, told
}

func TestReadyChecks(t *testing.T) {
	t.Parallel()
	var fails atomic.Pointer[error]
	app := servertest.Start(t, dbtest.NewConfig(t, dbmodule.SQLite), httpmodule.AsReadyCheck(func() httpmodule.ReadyCheck {
		return httpmodule.ReadyCheck{Name: "search", Check: func(context.Context) error {
			if err := fails.Load(); err != nil {
				return *err
			}
			return nil
		}}
	}), httpmodule.AsReadyCheck(func() httpmodule.ReadyCheck {
		return httpmodule.ReadyCheck{Name: "clumsy", Check: func(context.Context) error {
			if fails.Load() != nil {
				panic("secret")
			}
			return nil
		}}
	}))
	status, told := askReady(t, app.Server)
	assert.Equal(t, 200, status)
	assert.Equal(t, "ready", told.Status)
	down := errors.New("dial search:9200 with secret")
	fails.Store(&down)
	require.Eventually(t, func() bool { status, told = askReady(t, app.Server); return status == 503 }, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		_, told = askReady(t, app.Server)
		return told.Detail == "Not ready: clumsy is not ready; search is not ready"
	}, 10*time.Second, 10*time.Millisecond, "its error is not for everybody")
	fails.Store(nil)
	require.Eventually(t, func() bool { status, _ = askReady(t, app.Server); return status == 200 }, 10*time.Second, 10*time.Millisecond)
}

// A check that does not end holds up no probe for longer than its time.
func TestReadyCheckThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f, err := httpmodule.New(testConfig(), httpmodule.Info{}, zap.NewNop(), openDatabase(t))
		require.NoError(t, err)
		f.CheckReady(httpmodule.ReadyCheck{Name: "stuck", Check: func(context.Context) error {
			<-release
			return nil
		}})
		status, told := askReady(t, f)
		assert.Equal(t, 503, status)
		assert.Contains(t, told.Detail, "stuck is not ready")
		close(release)
	})
}

func TestReadyAsksAllDatabases(t *testing.T) {
	t.Parallel()
	var archive *dbmodule.Database
	app := servertest.Start(t, dbtest.NewConfig(t, dbmodule.SQLite), dbmodule.Named("archive"),
		dbmodule.NamedConfig("archive", dbtest.NewConfig(t, dbmodule.SQLite)),
		fx.Invoke(fx.Annotate(func(db *dbmodule.Database) { archive = db }, fx.ParamTags(`name:"archive"`))))
	status, told := askReady(t, app.Server)
	assert.Equal(t, 200, status)
	assert.True(t, told.Databases["archive"].Reads)
	assert.Equal(t, "sqlite", told.Databases["archive"].Engine)
	require.NoError(t, archive.Close())
	require.Eventually(t, func() bool { status, told = askReady(t, app.Server); return status == 503 }, 10*time.Second, 10*time.Millisecond)
	assert.Equal(t, "Not ready: database archive: the database does not answer", told.Detail)
	assert.False(t, told.Databases["archive"].Reads)
}
