package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/openhands-go/server/bench/compare"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/markdown"
	"github.com/openhands-go/server/bench/peers"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// databaseFlags are about how a database is used.
func databaseFlags(flags *pflag.FlagSet, c *contract.Config) {
	flags.IntVar(&c.Pool, "pool", 5, "connections of each contender")
	flags.StringVar(&c.Synchronous, "synchronous", "NORMAL", "SQLite's durability: NORMAL or FULL")
}

func runCommand() *cobra.Command {
	o := compare.Options{}
	var c contract.Config
	var engines, names []string
	var write string
	command := &cobra.Command{
		Use:   "run",
		Short: "compare the contenders on three routes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Progress, o.Stderr = cmd.ErrOrStderr(), cmd.ErrOrStderr()
			if o.Peers, err = choosePeers(names); err != nil {
				return err
			}
			if o.Programs, err = os.MkdirTemp("", "bench-"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(o.Programs)) }()
			_, _ = fmt.Fprintln(o.Progress, "building the contenders") // only progress: a failed write changes nothing
			if err := peers.Build(cmd.Context(), o.Programs); err != nil {
				return err
			}
			outcomes, err := compareAll(cmd, engines, c, o)
			if err != nil {
				return err
			}
			report := compare.Report(engine.DescribeMachine(cmd.Context()), o, outcomes)
			if _, err := fmt.Fprint(cmd.OutOrStdout(), report); err != nil || write == "" {
				return err
			}
			return errors.Join(
				markdown.Replace(filepath.Join(write, "README.md"), "contenders",
					report+"\n![requests per second by contender]("+plotName+")\n"),
				compare.Plot(filepath.Join(write, plotName), outcomes))
		},
	}
	flags := command.Flags()
	flags.IntVar(&o.Rounds, "rounds", 7, "turns of each contender")
	flags.DurationVar(&o.Duration, "duration", time.Second, "length of a turn on one route")
	flags.IntVar(&o.Connections, "connections", 32, "clients, each on a connection of its own")
	flags.Int64Var(&o.Rows, "rows", 10_000, "events at first")
	flags.IntVar(&o.Idle, "idle", 10_000, "idle connections with which memory is measured (0 = not)")
	flags.StringSliceVar(&engines, "engines", []string{"sqlite", "postgresql", "mysql"}, "databases to run on")
	flags.StringSliceVar(&names, "peers", nil, "contenders to compare with hand (default all)")
	flags.StringVar(&o.Profiles, "profiles", "", "folder for a CPU profile of each contender on each route, of one more turn")
	writeFlag(flags, &write)
	databaseFlags(flags, &c)
	return command
}

// writeFlag is where results are kept.
func writeFlag(flags *pflag.FlagSet, write *string) {
	flags.StringVar(write, "write", "", "folder whose README.md, and plot, get the results too")
}

// plotName is the plot's, beside README.md.
const plotName = "contenders.png"

// choosePeers returns the named ones, after the one that is compared with.
func choosePeers(names []string) ([]peers.Peer, error) {
	all := peers.All()
	if len(names) == 0 {
		return all, nil
	}
	chosen := all[:1]
	for _, name := range names {
		found := false
		for _, peer := range all[1:] {
			if peer.Name == name {
				chosen, found = append(chosen[:len(chosen):len(chosen)], peer), true
			}
		}
		if !found && name != peers.Hand {
			return nil, fmt.Errorf("no contender %q", name)
		}
	}
	return chosen, nil
}

func compareAll(cmd *cobra.Command, engines []string, c contract.Config, o compare.Options) ([]compare.Outcome, error) {
	var outcomes []compare.Outcome
	for _, name := range engines {
		c.Engine = dbmodule.Engine(strings.ToLower(name))
		outcome, err := compareOn(cmd, c, o)
		if errors.Is(err, dbtest.ErrNotInstalled) {
			_, _ = fmt.Fprintln(o.Progress, "skipped:", err) // only progress: a failed write changes nothing
			continue
		}
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, nil
}

func compareOn(cmd *cobra.Command, c contract.Config, o compare.Options) (_ compare.Outcome, err error) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return compare.Outcome{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	e, err := engine.Start(cmd.Context(), c, folder)
	if err != nil {
		return compare.Outcome{}, err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	figures, err := compare.Run(cmd.Context(), e, o)
	return compare.Outcome{Kind: c.Engine, Engine: e.Version, Figures: figures}, err
}
