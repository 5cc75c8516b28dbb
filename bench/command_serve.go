package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/gauge"
	"github.com/openhands-go/server/bench/peers"
	"github.com/openhands-go/server/dbmodule"
)

func serveCommand() *cobra.Command {
	var c contract.Config
	var engine string
	command := &cobra.Command{
		Use:   "serve NAME",
		Short: "be a contender: the database's URL is the first line of standard input, whose end is the server's",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Engine = dbmodule.Engine(engine)
			for _, peer := range peers.All() {
				if peer.Name == args[0] && peer.Serve != nil {
					return gauge.Serve(cmd.Context(), peer.Serve, c, cmd.InOrStdin(), cmd.OutOrStdout())
				}
			}
			return fmt.Errorf("no contender %q is served by this program", args[0])
		},
	}
	flags := command.Flags()
	flags.StringVar(&engine, "engine", string(dbmodule.SQLite), "sqlite, postgresql or mysql")
	databaseFlags(flags, &c)
	return command
}
