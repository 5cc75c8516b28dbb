package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/markdown"
	"github.com/openhands-go/server/bench/scale"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func loadCommand() *cobra.Command {
	var rows int64
	c := contract.Config{Pool: 4, Synchronous: "NORMAL"}
	command := &cobra.Command{
		Use:   "load URL",
		Short: "fill an empty database with the server's tables and many events",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := dbmodule.ParseURL(args[0])
			if err != nil {
				return err
			}
			c.URL, c.Engine = args[0], u.Engine()
			_, err = load(cmd.Context(), cmd.ErrOrStderr(), c, rows)
			return err
		},
	}
	command.Flags().Int64Var(&rows, "rows", 10_000_000, "events to load")
	return command
}

// load shows a bar on a terminal and a line now and then elsewhere.
func load(ctx context.Context, out io.Writer, c contract.Config, rows int64) (time.Duration, error) {
	bar := progressbar.NewOptions64(rows,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription(fmt.Sprintf("%s: load %d events", c.Engine, rows)),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
		progressbar.OptionSetWidth(30), progressbar.OptionThrottle(throttle(out)),
		progressbar.OptionOnCompletion(func() { _, _ = fmt.Fprintln(out) }),
	)
	began := time.Now()
	// A bar that can't be drawn is no reason to stop.
	err := scale.Load(ctx, c, scale.Data{Rows: rows}, func(loaded int64) { _ = bar.Set64(loaded) })
	if err == nil {
		_ = bar.Finish() // as above
	}
	return time.Since(began), err
}

func scaleCommand() *cobra.Command {
	o := scale.Options{}
	var engines []string
	var folder, plans, write string
	c := contract.Config{}
	command := &cobra.Command{
		Use:   "scale",
		Short: "compare the server's requests on many events with those on few",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			machine := engine.DescribeMachine(cmd.Context())
			reports, texts := []string{machine.String() + "; " + o.String()}, []string{}
			for _, name := range engines {
				c.Engine = dbmodule.Engine(strings.ToLower(name))
				report, text, err := scaleOn(cmd, c, o, folder)
				if errors.Is(err, dbtest.ErrNotInstalled) {
					_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "skipped:", err) // only progress: a failed write changes nothing
					continue
				}
				if err != nil {
					return err
				}
				reports, texts = append(reports, report), append(texts, text)
			}
			report := strings.Join(reports, "\n\n")
			_, err := fmt.Fprintln(cmd.OutOrStdout(), report)
			if plans != "" {
				err = errors.Join(err, os.WriteFile(plans, []byte(strings.Join(texts, "\n")), 0o600))
			}
			if write != "" {
				err = errors.Join(err, markdown.Replace(filepath.Join(write, "README.md"), "scale", report))
			}
			return err
		},
	}
	flags := command.Flags()
	flags.Int64Var(&o.Small, "small", 10_000, "events in the small database")
	flags.Int64Var(&o.Large, "large", 10_000_000, "events in the large database")
	flags.Int64Var(&o.Used, "used", 9, "conversations that requests are about, spread over all")
	flags.IntVar(&o.Rounds, "rounds", 7, "turns of each database")
	flags.IntVar(&o.Calls, "calls", 100, "requests in a turn")
	flags.StringSliceVar(&engines, "engines", []string{"sqlite", "postgresql", "mysql"}, "databases to run on")
	flags.StringVar(&folder, "folder", "", "where SQLite's files are put (default the system's folder for temporary files)")
	flags.StringVar(&plans, "plans", "", "file to write the query plans to")
	writeFlag(flags, &write)
	databaseFlags(flags, &c)
	return command
}

func scaleOn(cmd *cobra.Command, c contract.Config, o scale.Options, parent string) (report, plans string, err error) {
	ctx := cmd.Context()
	folder, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	e, err := engine.Start(ctx, c, folder)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, e.Stop()) }()
	small, err := e.Database(ctx, "small")
	if err != nil {
		return "", "", err
	}
	large, err := e.Database(ctx, "large")
	if err != nil {
		return "", "", err
	}
	if _, err := load(ctx, cmd.ErrOrStderr(), small, o.Small); err != nil {
		return "", "", err
	}
	took, err := load(ctx, cmd.ErrOrStderr(), large, o.Large)
	if err != nil {
		return "", "", err
	}
	figures, err := scale.Measure(ctx, small, large, o)
	if err != nil {
		return "", "", err
	}
	return scale.Report(e.Version, o, took, figures), scale.Plans(e.Version, figures), nil
}
