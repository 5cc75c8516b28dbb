package compare

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/load"
)

// profileAll profiles the contenders one after the other, if that is asked for.
func profileAll(ctx context.Context, e *engine.Engine, o Options, all []*contender) error {
	if o.Profiles == "" {
		return nil
	}
	for _, c := range all {
		if c.child.Control == "" {
			continue
		}
		target := load.Target{Addr: c.child.Addr, Rows: o.Rows, Connections: o.Connections}
		for _, route := range load.Routes() {
			name := fmt.Sprintf("%s-%s-%s.pprof", e.Config().Engine, c.peer.Name, route)
			if err := c.child.Profile(ctx, o.Duration, filepath.Join(o.Profiles, name), func() error {
				_, err := target.Run(route, o.Duration)
				return err
			}); err != nil {
				return err
			}
			_, _ = fmt.Fprintln(o.Progress, "profiled:", name)
		}
	}
	return nil
}
