package cluster_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
)

func TestGenerationTurnsOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g cluster.Generation
		made := g.Current()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(g.Turn)
		}
		wg.Wait()
		assert.Equal(t, made+1, g.Current(), "all callers that are refused at once make one generation")
		time.Sleep(999 * time.Millisecond)
		g.Turn()
		assert.Equal(t, made+1, g.Current())
		time.Sleep(time.Millisecond)
		g.Turn()
		assert.Equal(t, made+2, g.Current())
	})
}
