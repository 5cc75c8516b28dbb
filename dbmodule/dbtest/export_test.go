package dbtest

import (
	"context"
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

// Kit is a kit apart from the one that the tests of the process share.
type Kit struct{ *kit }

// NewKit makes a kit that sees the given environment. A bare one finds no
// binaries.
func NewKit(env map[string]string, bare bool) Kit {
	k := newKit(func(name string) string { return env[name] })
	if bare {
		for engine, r := range k.recipes {
			r.folders = nil
			k.recipes[engine] = r
		}
	}
	return Kit{k}
}

func (k Kit) Database(t testing.TB, engine dbmodule.Engine) string { return k.database(t, engine) }

// TryServer starts a server and returns what went wrong.
func TryServer(ctx context.Context, engine dbmodule.Engine, opts ...ServerOption) error {
	var o serverOptions
	for _, opt := range opts {
		opt(&o)
	}
	s, err := startServer(ctx, shared.recipes[engine], o, newPassword())
	if err != nil {
		return err
	}
	return s.Stop()
}

// NewServer is the package's, with the kit's programs.
func (k Kit) NewServer(ctx context.Context, engine dbmodule.Engine) (*Server, error) {
	return k.newServer(ctx, engine)
}

// SharedServer is the server that the tests of this process share, and nil
// when there is none.
func SharedServer(engine dbmodule.Engine) *Server {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if s, ok := shared.sources[engine]; ok {
		return s.server
	}
	return nil
}

func (s *Server) Folder() string { return s.layout.folder }
func (s *Server) Port() int      { return s.port }

var WithDatabase = withDatabase

func NewNames() func(test string) string { return newNamer().next }

func FindPostgreSQL(folders ...string) (initialise, serve string, err error) {
	b, err := findPostgreSQL(folders)
	return b.initialise, b.serve, err
}

var Glob = glob

// New makes a database as the package's New does, and returns its URL.
func (k Kit) New(t testing.TB, engine dbmodule.Engine, opts ...Option) string {
	return k.copyOf(t, engine, newSchema(opts))
}

// RunsAs is the user that a server runs as whose package made the named one, -1 for that of
// the tests.
func RunsAs(name string) (uid int, err error) {
	a, err := serverAccount(name)
	if err != nil || !a.other {
		return -1, err
	}
	return a.uid, nil
}
