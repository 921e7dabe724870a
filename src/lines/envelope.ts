/** What goes around the lines of one file. */
import { type Envelope, jsonEnvelope, type LogOrigin, rawEnvelope } from '../records/envelope.ts';

/** How lines are found, and what is said of them. */
export interface LineOptions {
  name: string;
  tags: Record<string, string>;
  encoding: 'json' | 'raw';
  format: 'plain' | 'cri' | 'docker';
  encoding_in: 'utf-8' | 'utf-16le' | 'utf-16be' | 'latin1';
  /** Bytes. */
  max_line: number;
  multiline?: GroupOptions | undefined;
  /** Longer lines are not cut: they are several records. */
  audit?: boolean | undefined;
}

export interface GroupOptions {
  start?: string | undefined;
  continue?: string | undefined;
  end?: string | undefined;
  max_lines: number;
  max_bytes: number;
  /** Milliseconds. */
  timeout: number;
}

/** The parts of the configuration that show in every record. */
export interface EnvelopeOptions {
  host: string;
  tags: Record<string, string>;
  kafka: { partition_by: 'host' | 'file' };
}

/** The Kafka key of a file's records. */
export function partitionKey(config: EnvelopeOptions, path: string): string {
  return config.kafka.partition_by === 'file' ? `${config.host}:${path}` : config.host;
}

/** `path` is the name that first matched, `id` what the file was called when it was found. */
export function logEnvelope(file: {
  input: LineOptions;
  config: EnvelopeOptions;
  path: string;
  id: string;
  known?: Readonly<Record<string, string>> | undefined;
}): Envelope {
  const { input, config, path, id, known } = file;
  const origin: LogOrigin = {
    host: config.host,
    path,
    id,
    dataset: input.name,
    labels: { ...config.tags, ...input.tags },
    key: partitionKey(config, path),
    known,
  };
  return input.encoding === 'json' ? jsonEnvelope(origin) : rawEnvelope(origin);
}
