package httpmetrics

import (
	"fmt"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/openhands-go/server/httpmodule"
)

// NewRegistry makes a registry with metrics of the Go runtime, the process and the build. No package
// of this module uses Prometheus' global registry.
func NewRegistry(info httpmodule.Info) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newTarget(info),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("httpmetrics: register: %w", err)
		}
	}
	return registry, nil
}

// newTarget returns OpenTelemetry's metric target_info, whose labels name the program and its build.
func newTarget(info httpmodule.Info) prometheus.Collector {
	labels := prometheus.Labels{
		"service_name": info.Title, "service_version": info.Version,
		"process_runtime_version": "", "vcs_ref_head_revision": "",
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		labels["process_runtime_version"] = build.GoVersion
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				labels["vcs_ref_head_revision"] = setting.Value
			}
		}
	}
	target := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "target_info", Help: "The server's name and build.", ConstLabels: labels,
	})
	target.Set(1)
	return target
}
