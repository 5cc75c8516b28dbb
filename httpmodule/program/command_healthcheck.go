package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is how long the server may take to answer.
const healthTimeout = 4 * time.Second

func (p Program) newHealthcheckCommand(s streams) *cobra.Command {
	path := "/ready"
	var alive bool
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server at HOST and PORT whether it is ready",
		Long: "Asks the server at HOST and PORT for /ready, or with --alive for /alive. The exit code\n" +
			"is 0 if it answers with 200, and 1 otherwise: for containers, which have no curl.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, read := p.ReadConfig()
			if err := read.Err(); err != nil {
				return err
			}
			if cfg.HTTP.Port == 0 {
				return errors.New("program: ask for health: PORT=0 does not say where the server listens")
			}
			if alive {
				path = "/alive"
			}
			url := "http://" + net.JoinHostPort(dialHost(cfg.HTTP.Host), strconv.Itoa(cfg.HTTP.Port)) + path
			if err := askHealth(cmd.Context(), url); err != nil {
				return err
			}
			return s.print("ok\n")
		},
	}
	cmd.Flags().BoolVar(&alive, "alive", false, "only ask whether it answers at all")
	return cmd
}

// dialHost returns the address by which this machine reaches a server that listens on host. For all
// addresses it returns 127.0.0.1 or ::1, because a container may not know the name localhost.
func dialHost(host string) string {
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.Equal(net.IPv4zero):
		return "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		return "::1"
	}
	return host
}

func askHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("program: ask for health: %w", err)
	}
	// A transport without a proxy, whatever HTTP_PROXY says.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("program: ask for health: %w", err)
	}
	if err := response.Body.Close(); err != nil {
		return fmt.Errorf("program: ask for health: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("program: ask for health: %s answers %s", url, response.Status)
	}
	return nil
}
