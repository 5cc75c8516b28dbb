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
	// Name names the check in the answer and in the log, such as "search". Anybody may
	// read it.
	Name string
	// Check returns nil while requests would succeed. Its error goes only to the log. It
	// is called at most once a second, by one goroutine at a time, and
	// has 2 seconds: a check that takes longer has failed, and must end with its context.
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
		s.checks = append(s.checks, &checkedState{ReadyCheck: check})
	}
	// fx gives them in any order.
	slices.SortStableFunc(s.checks, func(a, b *checkedState) int { return strings.Compare(a.Name, b.Name) })
}

// AddDatabases makes /ready check these databases, besides the server's own. Call it before
// [Server.Start]; the caller closes the databases.
func (s *Server) AddDatabases(databases ...dbmodule.NamedDatabase) {
	for _, one := range databases {
		s.databases = append(s.databases, &namedProbe{NamedDatabase: one})
	}
}

// checkedState is a check with its last answer.
type checkedState struct {
	ReadyCheck
	mu    sync.Mutex
	asked time.Time
	err   error
}

// ask returns what is wrong, in words for anyone, "" for nothing.
func (c *checkedState) ask(ctx context.Context, log *zap.Logger) string {
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

// check waits no longer than ctx lasts, whatever the check does.
func (c *checkedState) check(ctx context.Context) error {
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

// namedProbe is another database of the program, with its last answer.
type namedProbe struct {
	dbmodule.NamedDatabase
	probe probe
}

// others asks all but the server's own database, beside each other.
func (s *Server) others(ctx context.Context) (databases map[string]databaseReadiness, reasons []string) {
	told := make([][]string, len(s.databases)+len(s.checks))
	states := make([]databaseReadiness, len(s.databases))
	var wg sync.WaitGroup
	for i, one := range s.databases {
		wg.Go(func() {
			schema, wrong := one.probe.ask(ctx, one.Database, s.log.With(zap.String("database", one.Name)))
			states[i] = readinessOf(one.Database, schema, schema != nil)
			for _, text := range wrong {
				told[i] = append(told[i], "database "+one.Name+": "+text)
			}
		})
	}
	for i, check := range s.checks {
		wg.Go(func() {
			if wrong := check.ask(ctx, s.log); wrong != "" {
				told[len(s.databases)+i] = []string{wrong}
			}
		})
	}
	wg.Wait()
	for _, one := range told {
		reasons = append(reasons, one...)
	}
	for i, one := range s.databases {
		if databases == nil {
			databases = make(map[string]databaseReadiness, len(states))
		}
		databases[one.Name] = states[i]
	}
	return databases, reasons
}

func readinessOf(db *dbmodule.Database, schema *dbmodule.SchemaState, writes bool) databaseReadiness {
	return databaseReadiness{
		Engine: string(db.Engine()), Schema: schema, Pool: db.Stats(), Reads: schema != nil, Writes: writes, Replicas: replicasOf(db),
	}
}

// notReady is the text of an answer that says no.
func notReady(reasons []string) string { return "Not ready: " + strings.Join(reasons, "; ") }
