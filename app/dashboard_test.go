package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var metricName = regexp.MustCompile(`\b(?:db|http|process|go|target)_[a-z_]+\b`)

// TestDashboardAsksForMetricsThatExist looks for each metric of the dashboard in
// what a server says.
//
// Not parallel: it sets environment variables.
func TestDashboardAsksForMetricsThatExist(t *testing.T) {
	s := serve(t, nil)
	s.ask(t, http.MethodPost, "/api/conversations", someConversation)
	_, metrics := s.ask(t, http.MethodGet, "/metrics", "")
	text, err := os.ReadFile("../docs/grafana-dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	seen := map[string]bool{}
	for _, panel := range dashboard.Panels {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			for _, name := range metricName.FindAllString(target.Expr, -1) {
				if strings.Contains(metrics, name+"=") {
					continue // a label
				}
				seen[name] = true
				require.True(t, strings.Contains(metrics, "\n"+name+"{") || strings.Contains(metrics, "\n"+name+" "),
					"panel %q asks for %s, which the server does not have", panel.Title, name)
			}
		}
	}
	require.Greater(t, len(seen), 15)
}
