package webhooks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

// Bodies of refused deliveries count in the server's memory, where they are shown and where
// they are tried again.
func TestRefusedBodiesCountInTheBudget(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, dbtest.Config(t, dbmodule.SQLite), func(cfg *httpmodule.Config) { cfg.MemoryBudget = 3 << 20 })
	event := fmt.Sprintf(`{"id":"","text":%q}`, strings.Repeat("x", 2<<20))
	require.Len(t, apptest.JSON[pushed](t, s, http.MethodPost, push, "["+event+"]", 200).Refused, 1)
	one := fmt.Sprintf("%s/%d", refusedList, refusals(t, s)[0].ID)

	begun, leave, ended := make(chan int, 10), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.Serve(apptest.NewSlowClient(begun, leave), httptest.NewRequestWithContext(t.Context(), http.MethodGet, one+"/body", nil))
	}()
	<-begun
	for path, method := range map[string]string{one + "/body": http.MethodGet, one + "/retry": http.MethodPost} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		answer := s.DoWithin(ctx, method, path, "")
		cancel()
		assert.Equal(t, http.StatusServiceUnavailable, answer.Status, "%s: %s", path, answer.Body[:min(len(answer.Body), 200)])
		assert.NotEmpty(t, answer.Header.Get("Retry-After"), path)
	}
	close(leave)
	<-ended
	assert.Equal(t, event, s.Do(t, http.MethodGet, one+"/body", "").Body)
	assert.Equal(t, http.StatusConflict, s.Do(t, http.MethodPost, one+"/retry", "").Status)
	assert.Equal(t, event, s.Do(t, http.MethodGet, one+"/body", "").Body)
}
