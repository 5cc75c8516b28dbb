// Package peers lists the contenders.
package peers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/peers/echobun"
	"github.com/openhands-go/server/bench/peers/echoent"
	"github.com/openhands-go/server/bench/peers/echogorm"
	"github.com/openhands-go/server/bench/peers/fastapi"
	"github.com/openhands-go/server/bench/peers/hand"
	"github.com/openhands-go/server/bench/peers/ours"
)

// Peer is a contender.
type Peer struct {
	// Name is its name on the command line, and its program's.
	Name string
	// Title says what it is made of.
	Title string
	// Ours tells this project's own from the others, and ORM those whose queries a
	// library writes.
	Ours, ORM bool
	// Serve serves the routes; it is nil for one that is not written in Go.
	Serve contract.ServeFunc
	// External is the command of one that is not written in Go, or the reason
	// why this machine can't run it.
	External func(ctx context.Context, c contract.Config) ([]string, error)
}

// ErrUnavailable is what contenders fail with whose programs are not there.
var ErrUnavailable = errors.New("this machine can't run it")

// Build makes the programs of the contenders in Go, or those with these names, in a
// folder: one each, so that none carries what another needs. It needs the go command, in a
// folder of this module.
func Build(ctx context.Context, folder string, names ...string) error {
	const programs = "github.com/openhands-go/server/bench/cmd/"
	args := []string{"build", "-o", folder + string(filepath.Separator)}
	for _, name := range names {
		args = append(args, programs+name)
	}
	if len(names) == 0 {
		args = append(args, programs+"...")
	}
	output, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("peers: build: %w: %s", err, output)
	}
	return nil
}

// Command is how the peer is run as a process of its own, with the programs
// that [Build] made in a folder. The error is [ErrUnavailable] when it can't
// be run.
func (p Peer) Command(ctx context.Context, folder string, c contract.Config) ([]string, error) {
	if p.External != nil {
		argv, err := p.External(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", p.Name, ErrUnavailable, err)
		}
		return argv, nil
	}
	return []string{
		filepath.Join(folder, p.Name), "--engine", string(c.Engine),
		"--pool", strconv.Itoa(c.Pool), "--synchronous", c.Synchronous,
	}, nil
}

// Names of contenders with goals, or that goals are about.
const (
	// Hand is the contender that all others are compared with.
	Hand           = "hand"
	HandEcho       = "hand-echo"
	Ours           = "ours"
	OursTyped      = "ours-typed"
	OursAutocommit = "ours-autocommit"
	OursCompiled   = "ours-compiled"
)

// All lists the contenders in the order of the table, the measure first.
func All() []Peer {
	return []Peer{
		{Name: Hand, Title: "net/http + database/sql by hand", Serve: hand.Serve},
		{Name: HandEcho, Title: "Echo + database/sql by hand", Serve: hand.ServeEcho},
		{Name: Ours, Title: "this project, Echo handlers", Ours: true, Serve: ours.Serve},
		{Name: OursTyped, Title: "this project, typed handlers", Ours: true, Serve: ours.ServeTyped},
		{Name: OursAutocommit, Title: "this project, Echo handlers, autocommit", Ours: true, Serve: ours.ServeAutocommit},
		{Name: OursCompiled, Title: "this project, compiled queries, autocommit", Ours: true, Serve: ours.ServeCompiled},
		{Name: "bun", Title: "Echo + Bun", ORM: true, Serve: echobun.Serve},
		{Name: "gorm", Title: "Echo + GORM", ORM: true, Serve: echogorm.Serve},
		{Name: "ent", Title: "Echo + ent", ORM: true, Serve: echoent.Serve},
		{Name: "fastapi", Title: "FastAPI + async SQLAlchemy", External: fastapi.Command},
	}
}
