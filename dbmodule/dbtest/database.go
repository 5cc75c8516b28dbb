package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// dropLimit bounds the clean-up of one database.
const dropLimit = 20 * time.Second

// freshDatabase creates a database beside the one that adminURL names and
// drops it when t ends.
func freshDatabase(t testing.TB, engine dbmodule.Engine, adminURL, name string) string {
	t.Helper()
	return newDatabase(t, engine, adminURL, name, createDatabase(engine, name))
}

func createDatabase(engine dbmodule.Engine, name string) string {
	if engine == dbmodule.MySQL {
		return "CREATE DATABASE " + name + " CHARACTER SET utf8mb4"
	}
	return "CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8'"
}

// newDatabase is freshDatabase with a statement that creates the database.
func newDatabase(t testing.TB, engine dbmodule.Engine, adminURL, name, create string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), connectLimit)
	defer cancel()
	if err := administer(ctx, adminURL, create); err != nil {
		t.Fatalf("dbtest: create database: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), dropLimit)
		defer cancel()
		if err := dropDatabase(ctx, engine, adminURL, name); err != nil {
			t.Errorf("dbtest: drop database: %v", err)
		}
	})
	return withDatabase(adminURL, name)
}

// dropDatabase ends the connections that are still open to the database, and drops it.
func dropDatabase(ctx context.Context, engine dbmodule.Engine, adminURL, name string) error {
	if engine == dbmodule.PostgreSQL {
		return administer(ctx, adminURL, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	db, err := openAdmin(ctx, adminURL)
	if err != nil {
		return err
	}
	// An open transaction on one of the tables would block the drop.
	var ids []int64
	err = db.DB().NewRaw("SELECT id FROM information_schema.processlist WHERE db = ?", name).Scan(ctx, &ids)
	for _, id := range ids {
		// An error is ignored: the connection may have ended meanwhile.
		_, _ = db.DB().ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	}
	_, dropErr := db.DB().ExecContext(ctx, "DROP DATABASE IF EXISTS "+name)
	return errors.Join(err, dropErr, db.Close())
}

// administer runs one statement on a connection of its own.
func administer(ctx context.Context, adminURL, statement string) error {
	db, err := openAdmin(ctx, adminURL)
	if err != nil {
		return err
	}
	_, err = db.DB().ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// openAdmin connects for one task. No connection stays open between tests, because
// a test's leak check would find its goroutine.
func openAdmin(ctx context.Context, adminURL string) (*dbmodule.Database, error) {
	u, err := dbmodule.ParseURL(adminURL)
	if err != nil {
		return nil, err
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = u
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	if err := db.Connect(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// withDatabase replaces the database's name in a URL. It works on the text, since
// net/url can't parse URLs with several hosts.
func withDatabase(rawURL, name string) string {
	head, query, hasQuery := strings.Cut(rawURL, "?")
	host := 0
	if i := strings.Index(head, "://"); i >= 0 {
		host = i + len("://")
	}
	if i := strings.LastIndex(head[host:], "@"); i >= 0 {
		host += i + 1
	}
	if i := strings.Index(head[host:], "/"); i >= 0 {
		head = head[:host+i]
	}
	head += "/" + name
	if hasQuery {
		head += "?" + query
	}
	return head
}

// namer makes names that are unique even when many processes test against one
// server.
type namer struct {
	process string
	serial  *atomic.Int64
}

func newNamer() namer {
	return namer{process: strings.ToLower(rand.Text()[:10]), serial: new(atomic.Int64)}
}

// maxName is PostgreSQL's limit; MariaDB allows one more.
const maxName = 63

// next returns a name that needs no quotes on any engine. It ends with the test's
// name, so that a developer who examines the server can find it.
func (n namer) next(test string) string {
	name := fmt.Sprintf("dbtest_%s_%d_", n.process, n.serial.Add(1))
	for _, r := range strings.ToLower(test) {
		if len(name) == maxName {
			break
		}
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			r = '_'
		}
		name += string(r)
	}
	return name
}
