package live_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/feed"
)

// BenchmarkWebhooks measures what the feed costs those who push events: how many webhooks per second,
// of 5 events each, a server takes whose feed is not started, one whose feed has no subscribers, and one
// with 1,000 subscribers of 100 conversations, to which all is pushed. The three take turns on one
// database, so that what slows the machine slows all of them. The ratios are to the first.
//
//	go test ./app/live -run - -bench Webhooks -benchtime 30x
func BenchmarkWebhooks(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			cfg, interval := dbtest.Config(b, engine), feed.DefaultConfig().PollInterval
			without, with := apptest.NewPolling(b, cfg, interval), apptest.NewPolling(b, cfg, interval)
			require.NoError(b, with.Feed.Start(b.Context()))
			b.Cleanup(func() { _ = with.Feed.Close() })
			p := &pusher{B: b, text: strings.Repeat("x", 1000)}
			p.push(without) // makes the conversations
			turns := []func() time.Duration{
				func() time.Duration { return p.push(without) },
				func() time.Duration { return p.push(with) },
				func() time.Duration {
					defer subscribers(with.Feed)()
					return p.push(with)
				},
			}
			took := make([]time.Duration, len(turns))
			rounds := 0
			for ; b.Loop(); rounds++ {
				for i := range turns {
					i = (i + rounds) % len(turns)
					took[i] += turns[i]()
				}
			}
			per := func(i int) float64 { return float64(rounds*pushes) / took[i].Seconds() }
			b.ReportMetric(per(0), "without-feed/s")
			b.ReportMetric(per(1)/per(0), "nobody-ratio")
			b.ReportMetric(per(2)/per(0), "subscribers-ratio")
		})
	}
}

const (
	watched = 100  // conversations
	many    = 1000 // subscribers
	pushes  = 200  // in one turn
	pushers = 8
)

func watchedID(i int) string { return fmt.Sprintf("0d3ee5a5-5f04-4e7a-9c3b-%012d", i%watched) }

// subscribers subscribes to all conversations, and returns what ends that.
func subscribers(f *feed.Feed) (end func()) {
	ended := make(chan struct{})
	var running sync.WaitGroup
	for i := range many {
		sub := f.Subscribe("conversation", watchedID(i))
		running.Go(func() {
			defer sub.Close()
			for {
				select {
				case <-sub.Hints():
				case <-ended:
					return
				}
			}
		})
	}
	return func() {
		close(ended)
		running.Wait()
	}
}

// pusher pushes events that are all different.
type pusher struct {
	*testing.B
	text string
	next atomic.Int64
}

// push takes one turn, and says how long it took.
func (p *pusher) push(s *apptest.Server) time.Duration {
	var left atomic.Int64
	left.Store(pushes)
	began := time.Now()
	var running sync.WaitGroup
	for range pushers {
		running.Go(func() {
			for left.Add(-1) >= 0 {
				n := p.next.Add(1)
				events := make([]string, 5)
				for i := range events {
					events[i] = fmt.Sprintf(`{"id":"event-%d-%d","kind":"ActionEvent","text":%q}`, n, i, p.text)
				}
				answer := s.Do(p, "POST", "/api/v1/webhooks/events/"+watchedID(int(n)), "["+strings.Join(events, ",")+"]")
				if answer.Status != 200 {
					p.Errorf("%d: %s", answer.Status, answer.Body)
				}
			}
		})
	}
	running.Wait()
	return time.Since(began)
}
