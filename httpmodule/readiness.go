package httpmodule

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// ReadyCheck is an additional check of /ready, for example of another server without which
// requests fail. Clients that call /ready need no key.
type ReadyCheck struct {
	// Name is the check's name in the answer and in the log, such as "search". Clients without
	// a key see it.
	Name string
	// Check returns nil while requests would succeed. Its error goes only to the log. It is
	// called at most once a second, by one goroutine at a time. Its context ends after 2
	// seconds; a check that takes longer has failed.
	Check func(ctx context.Context) error
}

// AsReadyCheck adds the [ReadyCheck] that a constructor returns to the application's server.
// The constructor may take anything from the graph except the server.
func AsReadyCheck(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"httpmodule.ready"`)))
}

// CheckReady adds checks to /ready. It is called before [Server.Start].
func (s *Server) CheckReady(checks ...ReadyCheck) {
	for _, check := range checks {
		s.checks = append(s.checks, &cachedCheck{ReadyCheck: check})
	}
	// fx provides value groups in random order.
	slices.SortStableFunc(s.checks, func(a, b *cachedCheck) int { return strings.Compare(a.Name, b.Name) })
}

// AddDatabases makes /ready check these databases, besides the server's own. Call it before
// [Server.Start]; the caller closes the databases.
func (s *Server) AddDatabases(databases ...dbmodule.NamedDatabase) {
	for _, one := range databases {
		s.databases = append(s.databases, &namedDatabaseCheck{NamedDatabase: one})
	}
}

// cachedCheck is a check with its last result, which is reused for readyMaxAge.
type cachedCheck struct {
	ReadyCheck
	mu    sync.Mutex
	asked time.Time
	err   error
}

// ask returns the reason why the check fails, or "". Anybody may read it.
func (c *cachedCheck) ask(ctx context.Context, log *zap.Logger) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) >= readyMaxAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
		defer cancel()
		if c.err = c.check(ctx); c.err != nil {
			log.Warn("not ready", zap.String("check", c.Name), zap.Error(c.err))
		}
		c.asked = time.Now()
	}
	if c.err != nil {
		return c.Name + " is not ready"
	}
	return ""
}

// check runs the check, and returns when ctx ends even if the check does not.
func (c *cachedCheck) check(ctx context.Context) error {
	answered := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				answered <- fmt.Errorf("httpmodule: check %s: panic: %v", c.Name, cause)
			}
		}()
		answered <- c.Check(ctx)
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return fmt.Errorf("httpmodule: check %s: no answer: %w", c.Name, ctx.Err())
	}
}

// namedDatabaseCheck is another database of the program, and its check.
type namedDatabaseCheck struct {
	dbmodule.NamedDatabase
	check databaseCheck
}

// checkOthers runs all checks except that of the server's own database, concurrently.
func (s *Server) checkOthers(ctx context.Context) (databases map[string]databaseReadiness, reasons []string) {
	failures := make([][]string, len(s.databases)+len(s.checks))
	states := make([]databaseReadiness, len(s.databases))
	var wg sync.WaitGroup
	for i, one := range s.databases {
		wg.Go(func() {
			schema, wrong := one.check.ask(ctx, one.Database, s.log.With(zap.String("database", one.Name)))
			states[i] = readinessOf(one.Database, schema, schema != nil)
			for _, text := range wrong {
				failures[i] = append(failures[i], "database "+one.Name+": "+text)
			}
		})
	}
	for i, check := range s.checks {
		wg.Go(func() {
			if wrong := check.ask(ctx, s.log); wrong != "" {
				failures[len(s.databases)+i] = []string{wrong}
			}
		})
	}
	wg.Wait()
	databases = make(map[string]databaseReadiness, len(states))
	for i, one := range s.databases {
		databases[one.Name] = states[i]
	}
	return databases, slices.Concat(failures...)
}

func readinessOf(db *dbmodule.Database, schema *dbmodule.SchemaState, writes bool) databaseReadiness {
	return databaseReadiness{
		Engine: string(db.Engine()), Schema: schema, Pool: db.Stats(), Reads: schema != nil, Writes: writes, Replicas: replicasOf(db),
	}
}

// notReady is the text of an answer with reasons.
func notReady(reasons []string) string { return "Not ready: " + strings.Join(reasons, "; ") }
