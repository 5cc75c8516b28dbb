package dbmodule_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// failure is an error that a fake server answers; a code that is none breaks
// the connection.
type failure struct{ code, message string }

// script says what a fake server answers: the failures of a verb in turn, then
// success.
type script struct {
	mu       sync.Mutex
	failures map[string][]failure
	seen     map[string]int
}

func (s *script) next(query string) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	verb := verbOf(query)
	s.seen[verb]++
	waiting := s.failures[verb]
	if len(waiting) == 0 {
		return nil
	}
	s.failures[verb] = waiting[1:]
	return &waiting[0]
}

func (s *script) count(verb string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[verb]
}

func verbOf(query string) string {
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	if verb = strings.ToUpper(strings.TrimRight(verb, ";")); verb == "START" {
		return "BEGIN"
	}
	return verb
}

// fakeServer serves a protocol until t ends and returns a database on it.
func fakeServer(t *testing.T, scheme string, s *script) *dbmodule.Database {
	t.Helper()
	serve := fakePostgreSQL
	if scheme == fakeMySQLURL {
		serve = fakeMySQL
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(t, conn, s)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		wg.Wait()
	})
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(fmt.Sprintf(scheme, listener.Addr()))))
	return dbtest.Open(t, cfg)
}

const fakePostgreSQLURL, fakeMySQLURL = "postgresql://u:p@%s/db?sslmode=disable", "mysql://u:p@%s/db"

// These databases speak the protocols of those that are tested, and say by
// codes of their own what is to be done again and what nobody knows. The
// codes and texts are from their documentation: the real ones were not there
// to ask.
func TestDistributedDatabases(t *testing.T) {
	t.Parallel()
	const restart = "restart transaction: TransactionRetryWithProtoRefreshError: WriteTooOldError"
	for _, test := range []struct {
		name, scheme  string
		verb          string
		code, message string
		attempts      int
		want          error
	}{
		{"CockroachDB, contention", fakePostgreSQLURL, "INSERT", "40001", restart, 2, nil},
		{"CockroachDB, contention at COMMIT", fakePostgreSQLURL, "COMMIT", "40001", restart, 2, nil},
		{"CockroachDB, ambiguous result", fakePostgreSQLURL, "COMMIT", "40003", "result is ambiguous: error=rpc error", 1, dbmodule.ErrCommitUnknown},
		{"CockroachDB, ambiguous statement", fakePostgreSQLURL, "INSERT", "40003", "result is ambiguous: error=rpc error", 1, dbmodule.ErrCommitUnknown},
		{"CockroachDB, draining", fakePostgreSQLURL, "BEGIN", "57P01", "server is shutting down", 2, nil},
		{"CockroachDB, no quorum", fakePostgreSQLURL, "INSERT", "58C00", "replica unavailable", 2, nil},
		{"YugabyteDB, conflict", fakePostgreSQLURL, "INSERT", "40001", "could not serialize access due to concurrent update (query layer retry isn't possible)", 2, nil},
		{"YugabyteDB, conflict at COMMIT", fakePostgreSQLURL, "COMMIT", "40001", "Operation expired: Transaction was recently aborted", 2, nil},
		{"YugabyteDB, read restart", fakePostgreSQLURL, "INSERT", "40001", "Restart read required", 2, nil},
		{"YugabyteDB, deadlock", fakePostgreSQLURL, "INSERT", "40P01", "deadlock detected", 2, nil},
		{"TiDB, optimistic conflict", fakeMySQLURL, "COMMIT", "9007", "Write conflict, txnStartTS=1, conflictStartTS=2 [try again later]", 2, nil},
		{"TiDB, stale start", fakeMySQLURL, "COMMIT", "8005", "Write Conflict, txnStartTS is stale", 2, nil},
		{"TiDB, retry not allowed", fakeMySQLURL, "COMMIT", "8002", "can not retry select for update statement", 2, nil},
		{"TiDB, commit failed", fakeMySQLURL, "COMMIT", "8022", "Error: KV error safe to retry [try again later]", 2, nil},
		{"TiDB, schema changed", fakeMySQLURL, "COMMIT", "8028", "Information schema is changed during the execution of the statement [try again later]", 2, nil},
		{"TiDB, deadlock", fakeMySQLURL, "INSERT", "1213", "Deadlock found when trying to get lock; try restarting transaction", 2, nil},
		{"TiDB, lock wait", fakeMySQLURL, "INSERT", "1205", "Lock wait timeout exceeded; try restarting transaction", 2, nil},
		{"TiDB, region unavailable", fakeMySQLURL, "INSERT", "9005", "Region is unavailable", 2, nil},
		{"TiDB, undetermined", fakeMySQLURL, "COMMIT", "gone", "result undetermined, close this connection", 1, dbmodule.ErrCommitUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &script{failures: map[string][]failure{test.verb: {{test.code, test.message}}}, seen: map[string]int{}}
			db := fakeServer(t, test.scheme, s)
			attempts := 0
			err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				attempts++
				_, err := s.ExecContext(ctx, "INSERT INTO t (a) VALUES (1)")
				return err
			})
			if test.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.want)
			}
			if test.verb != "BEGIN" { // else fn has not begun
				assert.Equal(t, test.attempts, attempts)
			}
			assert.Equal(t, test.attempts, s.count("BEGIN"), "transactions")
			assert.LessOrEqual(t, s.count("COMMIT"), test.attempts)
		})
	}
}

// Whether a transaction that could not write was committed is all the same.
func TestLostCommitOfAReadOnlyTransaction(t *testing.T) {
	t.Parallel()
	for name, scheme := range map[string]string{"postgresql": fakePostgreSQLURL, "mysql": fakeMySQLURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{failures: map[string][]failure{"COMMIT": {{"gone", "the server was killed"}}}, seen: map[string]int{}}
			db := fakeServer(t, scheme, s)
			attempts := 0
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				attempts++
				_, err := s.ExecContext(ctx, "SHOW TABLES")
				return err
			}, dbmodule.Snapshot()))
			assert.Equal(t, 2, attempts)
		})
	}
}

// A database may roll the transaction back before a statement of it is prepared, as Galera does for
// another node. Sent as text, the statement would be stored by itself.
func TestTransactionThatIsLostWhileAStatementIsPrepared(t *testing.T) {
	t.Parallel()
	type row struct {
		bun.BaseModel `bun:"table:t"`
		ID            int64 `bun:",pk"`
	}
	s := &script{failures: map[string][]failure{}, seen: map[string]int{}}
	db := fakeServer(t, fakeMySQLURL, s)
	attempts := 0
	run := func() error {
		return db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			attempts++
			_, err := s.NewInsert().Model(&row{ID: 1}).Exec(ctx)
			return err
		})
	}
	require.NoError(t, run(), "as text")
	s.mu.Lock()
	s.failures["PREPARE"] = []failure{{"1213", "Deadlock found when trying to get lock; try restarting transaction"}}
	s.mu.Unlock()
	require.NoError(t, run())
	assert.Equal(t, 2, s.count("PREPARE"), "the statement is prepared when it comes again")
	assert.Equal(t, 3, attempts, "the lost transaction is done again")
	assert.Equal(t, 2, s.count("INSERT"))
}
