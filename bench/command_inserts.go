package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/bench/engine"
	"github.com/openhands-go/server/bench/inserts"
	"github.com/openhands-go/server/bench/markdown"
)

func insertsCommand() *cobra.Command {
	var o inserts.Options
	var write string
	command := &cobra.Command{
		Use:   "inserts",
		Short: "measure durable inserts into SQLite, with sessions and by hand",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Folder, err = os.MkdirTemp(o.Folder, "bench-"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(o.Folder)) }()
			o.Progress = cmd.ErrOrStderr()
			cost, err := inserts.SyncCost(o.Folder)
			if err != nil {
				return err
			}
			figures, err := inserts.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			report := inserts.Report(engine.DescribeMachine(cmd.Context()), cost, figures)
			if _, err := fmt.Fprint(cmd.OutOrStdout(), report); err != nil || write == "" {
				return err
			}
			return markdown.Replace(filepath.Join(write, "README.md"), "inserts", report)
		},
	}
	flags := command.Flags()
	flags.IntSliceVar(&o.Writers, "writers", []int{1, 4, 16, 64}, "how many write at the same time")
	flags.IntVar(&o.Rounds, "rounds", 5, "turns of each side")
	flags.DurationVar(&o.Duration, "duration", time.Second, "length of a turn")
	flags.StringVar(&o.Folder, "folder", "", "where the databases are put (default the system's folder for temporary files)")
	writeFlag(flags, &write)
	return command
}
