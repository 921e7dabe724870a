/** OTLP over gRPC: opentelemetry.proto.collector.<signal>.v1.<Signal>Service/Export. */
import type { Method } from '../../http/grpc/server.ts';
import { GrpcError } from '../../http/grpc/status.ts';
import { response } from './answers.ts';
import type { OtlpIntake } from './intake.ts';
import { SIGNALS, type Signal } from './options.ts';

const SERVICES: Readonly<Record<Signal, string>> = {
  traces: 'TraceService',
  metrics: 'MetricsService',
  logs: 'LogsService',
};
/** Of the three the path has one letter less. */
const PACKAGES: Readonly<Record<Signal, string>> = { traces: 'trace', metrics: 'metrics', logs: 'logs' };

/** By path; a signal that is not taken is answered with UNIMPLEMENTED. */
export function grpcMethods(intake: OtlpIntake, maxRequest: number): ReadonlyMap<string, Method> {
  return new Map(
    SIGNALS.map((signal): [string, Method] => {
      const path = `/opentelemetry.proto.collector.${PACKAGES[signal]}.v1.${SERVICES[signal]}/Export`;
      return [
        path,
        async ({ message, timeout, discard }) => {
          if (!intake.has(signal)) {
            throw new GrpcError('UNIMPLEMENTED', 'signal', `${signal} are not taken here: see otlp.signals`);
          }
          return response(await intake.take(signal, 'protobuf', await message(maxRequest), { timeout, discard }));
        },
      ];
    }),
  );
}
