/*
 * An application with OpenTelemetry's SDK for Java, for tests: makes COUNT traces of three spans each, and says on stdout
 * which spans it made. Everything else is in its environment, as in any application.
 */
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.List;
import java.util.concurrent.TimeUnit;

public class OtelClient {
  public static void main(String[] args) throws Exception {
    var sdk = AutoConfiguredOpenTelemetrySdk.builder().disableShutdownHook().build().getOpenTelemetrySdk();
    var tracer = sdk.getTracer("client", "1.0.0");
    var requests = sdk.getMeter("client").counterBuilder("requests").build();
    for (int i = 0; i < Integer.parseInt(args[0]); i++) {
      var root = tracer.spanBuilder("GET /" + i % 5).startSpan();
      var query = tracer.spanBuilder("query").setParent(Context.root().with(root))
          .setAttribute("db.system", "postgresql").setAttribute("text", "ü€😀").startSpan();
      var connect = tracer.spanBuilder("connect").setParent(Context.root().with(query)).startSpan();
      connect.end();
      query.end();
      root.end();
      for (Span span : List.of(root, query, connect))
        System.out.println(span.getSpanContext().getTraceId() + " " + span.getSpanContext().getSpanId());
      requests.add(1);
      // Exporters work meanwhile, and no queue overflows.
      if (i % 100 == 99) Thread.sleep(200);
    }
    sdk.shutdown().join(10, TimeUnit.SECONDS);
  }
}
