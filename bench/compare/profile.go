package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
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
		for _, route := range load.Routes() {
			name := fmt.Sprintf("%s-%s-%s.pprof", e.Config().Engine, c.peer.Name, route)
			if err := c.profile(ctx, o, route, filepath.Join(o.Profiles, name)); err != nil {
				return err
			}
			_, _ = fmt.Fprintln(o.Progress, "profiled:", name)
		}
	}
	return nil
}

// profile writes what the contender does under load into a file.
func (c *contender) profile(ctx context.Context, o Options, route load.Route, path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("compare: profile: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	loaded := make(chan error, 1)
	target := load.Target{Addr: c.child.Addr, Rows: o.Rows, Connections: o.Connections}
	go func() {
		_, err := target.Run(route, o.Duration)
		loaded <- err
	}()
	err = c.child.Profile(ctx, o.Duration, file)
	return errors.Join(err, <-loaded)
}
