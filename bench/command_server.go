package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/inserts"
	"github.com/openhands-go/server/bench/markdown"
	"github.com/openhands-go/server/bench/own"
	"github.com/openhands-go/server/bench/peers"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func serverCommand() *cobra.Command {
	var o own.Options
	var engines []string
	var write string
	var pool int
	command := &cobra.Command{
		Use:   "server",
		Short: "measure the server's own routes beside the same routes by hand",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o.Progress, o.Stderr = cmd.ErrOrStderr(), cmd.ErrOrStderr()
			if o.Programs, err = os.MkdirTemp("", "bench-"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(o.Programs)) }()
			_, _ = fmt.Fprintln(o.Progress, "building the server") // only progress: a failed write changes nothing
			if err := peers.Build(cmd.Context(), o.Programs, own.Programs()...); err != nil {
				return err
			}
			var outcomes []own.Outcome
			for _, m := range own.Measurements() {
				if !slices.Contains(engines, string(m.Engine)) {
					continue
				}
				outcome, err := measureOwn(cmd, m, o, pool)
				if errors.Is(err, dbtest.ErrNotInstalled) {
					_, _ = fmt.Fprintln(o.Progress, "skipped:", err) // only progress: a failed write changes nothing
					continue
				}
				if err != nil {
					return err
				}
				outcomes = append(outcomes, outcome)
			}
			cost, err := inserts.SyncCost(o.Programs)
			if err != nil {
				return err
			}
			report := own.Report(engine.DescribeMachine(cmd.Context()), o, cost, outcomes)
			if _, err := fmt.Fprint(cmd.OutOrStdout(), report); err != nil || write == "" {
				return err
			}
			return markdown.Replace(filepath.Join(write, "README.md"), "server", report)
		},
	}
	flags := command.Flags()
	flags.IntVar(&o.Clients, "clients", 16, "clients, each on a connection of its own")
	flags.Int64Var(&o.Rows, "rows", 120_000, "events at first, 56000 or more")
	flags.IntVar(&o.Rounds, "rounds", 5, "turns of each side")
	flags.DurationVar(&o.Duration, "duration", time.Second, "length of a turn on one route")
	flags.IntVar(&pool, "pool", 8, "connections of each side")
	flags.StringSliceVar(&engines, "engines", []string{"sqlite", "postgresql", "mysql"}, "databases to run on")
	flags.StringVar(&o.Profiles, "profiles", "", "folder for a CPU profile of the server and of by hand on each route, of one more turn")
	writeFlag(flags, &write)
	return command
}

func measureOwn(cmd *cobra.Command, m own.Measurement, o own.Options, pool int) (_ own.Outcome, err error) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return own.Outcome{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	e, err := engine.Start(cmd.Context(), contract.Config{Engine: m.Engine, Pool: pool, Synchronous: m.Synchronous}, folder)
	if err != nil {
		return own.Outcome{}, err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	figures, versions, err := own.Run(cmd.Context(), e, o, m.Routes...)
	return own.Outcome{Measurement: m, Version: e.Version, Versions: versions, Figures: figures}, err
}
