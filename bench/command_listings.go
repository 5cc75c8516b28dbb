package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/markdown"
	"github.com/openhands-go/server/bench/scale"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func listingsCommand() *cobra.Command {
	o := scale.Options{}
	var engines []string
	var folder, write string
	var every bool
	c := contract.Config{}
	command := &cobra.Command{
		Use:   "listings",
		Short: "compare pages of many conversations with pages of few, for each filter and sort",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reports := []string{engine.DescribeMachine(cmd.Context()).String() + ". " + scale.ListingsHead(o)}
			for _, name := range engines {
				c.Engine = dbmodule.Engine(strings.ToLower(name))
				report, err := listingsOn(cmd, c, o, folder, every)
				if errors.Is(err, dbtest.ErrNotInstalled) {
					_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "skipped:", err) // only progress: a failed write changes nothing
					continue
				}
				if err != nil {
					return err
				}
				reports = append(reports, report)
			}
			report := strings.Join(reports, "\n\n")
			_, err := fmt.Fprintln(cmd.OutOrStdout(), report)
			if write != "" {
				err = errors.Join(err, markdown.Replace(filepath.Join(write, "README.md"), "listings", report))
			}
			return err
		},
	}
	flags := command.Flags()
	flags.Int64Var(&o.Small, "small", 1000, "conversations in the small database")
	flags.Int64Var(&o.Large, "large", 1_000_000, "conversations in the large database")
	flags.IntVar(&o.Rounds, "rounds", 5, "rounds, of which the median counts")
	flags.IntVar(&o.Calls, "calls", 20, "requests to each database in a round, of which the fastest counts")
	flags.StringSliceVar(&o.Only, "only", nil, `listings whose names have one of these texts, such as "status by" or "far in"`)
	flags.BoolVar(&every, "every", false, "print every page, not only those that miss the goal and, of each filter without a goal, the slowest")
	flags.StringSliceVar(&engines, "engines", []string{"sqlite", "postgresql", "mysql"}, "databases to run on")
	flags.StringVar(&folder, "folder", "", "where SQLite's files are put (default the system's folder for temporary files)")
	writeFlag(flags, &write)
	databaseFlags(flags, &c)
	return command
}

func listingsOn(cmd *cobra.Command, c contract.Config, o scale.Options, parent string, every bool) (report string, err error) {
	ctx := cmd.Context()
	folder, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	e, err := engine.Start(ctx, c, folder)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	small, err := e.Database(ctx, "small")
	if err != nil {
		return "", err
	}
	large, err := e.Database(ctx, "large")
	if err != nil {
		return "", err
	}
	if err := scale.LoadListed(ctx, small, scale.Listed(o.Small)); err != nil {
		return "", err
	}
	began := time.Now()
	if err := scale.LoadListed(ctx, large, scale.Listed(o.Large)); err != nil {
		return "", err
	}
	took := time.Since(began)
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d conversations are there after %s\n", c.Engine, o.Large, took.Round(time.Second)) // as above
	tell := func(f scale.ListingFigures) {
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), f.Small, f.Large, f.Ratio, f.Probe) // as above
	}
	var reports []string
	for _, state := range scale.ListedStates(c.Engine) {
		for _, of := range []contract.Config{small, large} {
			if err := state.Reach(ctx, of); err != nil {
				return "", err
			}
		}
		figures, err := scale.MeasureListings(ctx, small, large, o, tell)
		if err != nil {
			return "", err
		}
		reports = append(reports, scale.ListingsReport(e.Version+state.Name, o, figures, every))
	}
	return strings.Join(reports, "\n"), nil
}
