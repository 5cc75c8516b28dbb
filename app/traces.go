package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/httpmodule/program"
)

// flushTimeout is how long a stop waits until the last spans are exported.
const flushTimeout = 5 * time.Second

// tracesWanted reports whether OpenTelemetry's variables ask for traces. Without any of them the server
// makes no spans, although OpenTelemetry's own default is to export to localhost.
func tracesWanted() bool {
	if os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	for _, name := range [...]string{
		"OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
	} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// newTracerProvider returns a constructor of the tracer provider. OpenTelemetry's SDK reads its own
// variables: exporter, endpoint, headers, sampler, limits, service name. The exporter starts with the
// application, and is flushed after everything that makes spans has stopped.
func newTracerProvider(p program.Program) func(fx.Lifecycle, *zap.Logger) (trace.TracerProvider, error) {
	return func(lifecycle fx.Lifecycle, log *zap.Logger) (trace.TracerProvider, error) {
		return startTracing(p, lifecycle, log)
	}
}

func startTracing(p program.Program, lifecycle fx.Lifecycle, log *zap.Logger) (trace.TracerProvider, error) {
	attributes, err := resource.New(context.Background(),
		resource.WithAttributes(attribute.String("service.name", p.Name), attribute.String("service.version", p.Release())),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("app: read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(attributes))
	lifecycle.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", zap.Error(err)) }))
			exporter, err := autoexport.NewSpanExporter(context.WithoutCancel(ctx))
			if err != nil {
				return fmt.Errorf("app: export traces: %w", err)
			}
			provider.RegisterSpanProcessor(sdktrace.NewBatchSpanProcessor(exporter))
			return nil
		},
		OnStop: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, flushTimeout)
			defer cancel()
			if err := provider.Shutdown(ctx); err != nil {
				log.Warn("the last traces were not exported", zap.Error(err)) // the stop does not fail for that
			}
			return nil
		},
	})
	return provider, nil
}
