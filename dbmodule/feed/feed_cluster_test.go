//go:build cluster

package feed_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// A standby takes over: what is committed on it is hinted at in processes that knew the
// primary before.
func TestClusterFeedFollowsAPromotedStandby(t *testing.T) {
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			primary := dbtest.StartPrimary(t, engine)
			standby := dbtest.StartStandby(t, primary)
			cfg := primary.Config(t)
			options := ""
			if engine == dbmodule.PostgreSQL {
				options = "target_session_attrs=read-write"
			}
			require.NoError(t, cfg.URL.UnmarshalText([]byte(dbtest.URLOf(options, primary, standby))))
			cfg.CheckInterval = 100 * time.Millisecond
			one, two := start(t, cfg), start(t, cfg)
			sub := one.feed.Subscribe(topic, "a")
			require.NoError(t, two.set(t.Context(), "a", 1))
			one.sees(t, sub, "a", 1, 30*time.Second)

			require.NoError(t, primary.Kill())
			require.NoError(t, standby.Promote(t.Context()))
			for n := int64(2); n <= 4; n++ {
				require.Eventually(t, func() bool { return two.set(t.Context(), "a", n) == nil }, time.Minute, 10*time.Millisecond)
				one.sees(t, sub, "a", n, 30*time.Second)
			}
			if engine == dbmodule.PostgreSQL {
				require.Eventually(t, one.feed.Carried, time.Minute, 10*time.Millisecond)
			}
		})
	}
}
