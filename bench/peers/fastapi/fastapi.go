// Package fastapi is FastAPI with async SQLAlchemy, where this machine has
// them: programs in Python, which Go only starts.
package fastapi

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// base is what the programs share; what comes behind it makes the routes.
//
//go:embed base.py
var base string

//go:embed events.py
var events string

//go:embed own.py
var own string

// Command is how the contender is run for a database, by the first Python that
// has what it needs. The error says what is missing.
func Command(ctx context.Context, c contract.Config) ([]string, error) {
	return command(ctx, c, events)
}

// OwnCommand is Command for the server's own routes, on the server's tables.
func OwnCommand(ctx context.Context, c contract.Config) ([]string, error) {
	return command(ctx, c, own)
}

func command(ctx context.Context, c contract.Config, routes string) ([]string, error) {
	program := base + "\n\n" + routes + "\n\nmain()\n"
	needs := []string{"fastapi", "sqlalchemy", "uvicorn", map[dbmodule.Engine]string{
		dbmodule.SQLite: "aiosqlite", dbmodule.PostgreSQL: "asyncpg", dbmodule.MySQL: "aiomysql",
	}[c.Engine]}
	// A distribution's packages are for its own Python, which need not be the
	// first on PATH.
	var said []byte
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		var err error
		said, err = exec.CommandContext(ctx, python, "-c", "import "+strings.Join(needs, ", ")).CombinedOutput()
		if err == nil {
			return []string{python, "-c", program, "--pool", strconv.Itoa(c.Pool), "--synchronous", c.Synchronous}, nil
		}
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return nil, fmt.Errorf("no python3 that can import %s: %s", strings.Join(needs, ", "), lines[len(lines)-1])
}
