// An application with OpenTelemetry's SDK for Go, for tests: makes COUNT traces of three spans each, and says on stdout
// which spans it made. Everything else is in its environment, as in any application.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

func exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	ctx := context.Background()
	to, err := exporter(ctx)
	if err != nil {
		log.Fatal(err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(to))
	tracer := provider.Tracer("client", api.WithInstrumentationVersion("1.0.0"))
	for i := range count {
		root, a := tracer.Start(ctx, fmt.Sprintf("GET /%d", i%5))
		query, b := tracer.Start(root, "query", api.WithAttributes(
			attribute.String("db.system", "postgresql"), attribute.String("text", "ü€😀")))
		_, c := tracer.Start(query, "connect")
		c.End()
		b.End()
		a.End()
		for _, span := range []api.Span{a, b, c} {
			of := span.SpanContext()
			fmt.Println(of.TraceID(), of.SpanID())
		}
		// Exporters work meanwhile, and no queue overflows.
		if i%100 == 99 {
			time.Sleep(200 * time.Millisecond)
		}
	}
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}
