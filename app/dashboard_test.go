package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// metricName finds the server's metrics in an expression. What Prometheus itself adds, such
// as up, begins otherwise.
var metricName = regexp.MustCompile(`\b(?:db|http|process|go|target|store|webhook)_[a-z_]+\b`)

// askedFor are the metrics of an expression. Labels of metrics are left out.
func askedFor(expr, metrics string) (names []string) {
	for _, name := range metricName.FindAllString(expr, -1) {
		if !strings.Contains(metrics, name+"=") {
			names = append(names, name)
		}
	}
	return names
}

// scraped is what a server says that has done a little.
func scraped(t *testing.T) string {
	t.Helper()
	s := serve(t, nil)
	s.ask(t, http.MethodPost, "/api/conversations", someConversation)
	_, metrics := s.ask(t, http.MethodGet, "/metrics", "")
	return "\n" + metrics
}

func has(metrics, name string) bool {
	return strings.Contains(metrics, "\n"+name+"{") || strings.Contains(metrics, "\n"+name+" ")
}

type panel struct {
	Title       string
	Targets     []struct{ Expr string }
	FieldConfig struct{ Defaults struct{ Unit string } }
}

func panels(t *testing.T) []panel {
	t.Helper()
	var dashboard struct{ Panels []panel }
	text, err := os.ReadFile("../docs/grafana-dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	return dashboard.Panels
}

// TestDashboardAsksForMetricsThatExist looks for each metric of the dashboard in
// what a server says.
//
// Not parallel: it sets environment variables.
func TestDashboardAsksForMetricsThatExist(t *testing.T) {
	metrics := scraped(t)
	seen := map[string]bool{}
	for _, panel := range panels(t) {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			names := askedFor(target.Expr, metrics)
			require.NotEmpty(t, names, "%s: %s", panel.Title, target.Expr)
			for _, name := range names {
				seen[name] = true
				require.True(t, has(metrics, name), "panel %q asks for %s, which the server does not have", panel.Title, name)
			}
		}
	}
	require.Greater(t, len(seen), 25)
}

// selected finds a metric in an expression, before its labels.
var selected = regexp.MustCompile(`([a-z_]+)\{`)

// unitOf is the unit, as Grafana calls it, of what an expression yields.
func unitOf(expr string) string {
	name := selected.FindStringSubmatch(expr)[1]
	rate := strings.Contains(expr, "rate(")
	switch {
	case strings.Contains(expr, "histogram_quantile(") && strings.HasSuffix(name, "_seconds_bucket"):
		return "s"
	case strings.Contains(name, "_bytes") && rate:
		return "Bps"
	case strings.Contains(name, "_bytes"):
		return "bytes"
	case strings.HasSuffix(name, "_seconds_total") && rate:
		return "short" // seconds a second: how many at once
	case rate && strings.HasPrefix(name, "http_server_request"):
		return "reqps"
	case rate:
		return "ops"
	}
	return "short"
}

// An axis has one unit, and says which.
func TestDashboardMixesNoUnits(t *testing.T) {
	t.Parallel()
	for _, panel := range panels(t) {
		for _, target := range panel.Targets {
			require.Equal(t, unitOf(target.Expr), panel.FieldConfig.Defaults.Unit, "panel %q: %s", panel.Title, target.Expr)
		}
	}
}

var matched = regexp.MustCompile(`([a-z_]+)=~?"`)

// TestAlertsAskForMetricsThatExist looks for each metric and label of the rules in what a
// server says.
//
// Not parallel: it sets environment variables.
func TestAlertsAskForMetricsThatExist(t *testing.T) {
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, deploy+"alerts.yml")))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&file))
	metrics := scraped(t)
	alerts := map[string]bool{}
	for _, group := range file.Groups {
		require.NotEmpty(t, group.Name)
		for _, rule := range group.Rules {
			require.False(t, alerts[rule.Alert], "%s is there twice", rule.Alert)
			alerts[rule.Alert] = true
			require.Contains(t, []string{"warning", "critical"}, rule.Labels["severity"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
			names := askedFor(rule.Expr, metrics)
			require.True(t, len(names) > 0 || strings.HasPrefix(rule.Expr, "up{"), rule.Expr)
			for _, name := range names {
				require.True(t, has(metrics, name), "%s asks for %s, which the server does not have", rule.Alert, name)
			}
			for _, label := range matched.FindAllStringSubmatch(rule.Expr, -1) {
				require.True(t, label[1] == "job" || strings.Contains(metrics, label[1]+`="`),
					"%s asks for the label %s, which the server does not have", rule.Alert, label[1])
			}
		}
	}
	require.Greater(t, len(alerts), 8)
}
