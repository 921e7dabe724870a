/**
 * Why something is lost: every reason that the books know (`lost` in the status, `runnel_dropped_total` in the figures),
 * what it means, and what to do about it. docs/losses.md is made from this.
 */
export interface Meaning {
  meaning: string;
  remedy: string;
}

export const LOSSES = {
  refused: {
    meaning: 'Kafka refused the record for good; it is kept in data_dir/dead-letter',
    remedy: 'look at what is kept there, and at what the topic accepts (cleanup.policy, validation)',
  },
  shutdown: {
    meaning: 'at a stop it was neither in Kafka nor on disk, and cannot be read again',
    remedy: 'make room on the disk of data_dir; raise shutdown_timeout',
  },
  window_damaged: {
    meaning: 'what was sent and not acknowledged before the last stop is damaged on disk',
    remedy: 'look at the disk of data_dir',
  },
  spool_full: {
    meaning: 'the local log is full, and its oldest records made room for new ones',
    remedy: 'raise spool.max_size, bring Kafka back sooner, or set spool.when_full to block',
  },
  spool_expired: {
    meaning: 'records waited in the local log for longer than spool.max_age',
    remedy: 'raise spool.max_age, or bring Kafka back sooner',
  },
  spool_torn: {
    meaning: 'the last records of the local log were written in part when the process or the machine ended',
    remedy: 'set spool.sync to a shorter duration, or to always',
  },
  spool_damaged: {
    meaning: 'bytes of the local log are not what was written; they are kept in quarantine',
    remedy: 'look at the disk of data_dir',
  },
  spool_unreadable: {
    meaning: 'the disk does not give bytes of the local log',
    remedy: 'a disk that does so is failing: replace it',
  },
  deleted: {
    meaning: 'a file was deleted while it was closed, before all of it was read',
    remedy: 'keep rotated files longer',
  },
  rotated_away: {
    meaning: 'a deleted file was let go while the output was away, because deleted files took too much room',
    remedy: 'raise hold_deleted, make room on the disk of the logs, or keep rotated files longer',
  },
  truncated: {
    meaning: 'a file was truncated or written anew before all of it was read',
    remedy: 'rotate by renaming, or leave the copy beside the file',
  },
  vanished: {
    meaning:
      'a file with bytes that were not read was gone, or cut, when the agent came back, and was not found elsewhere',
    remedy: 'keep rotated files for longer than the agent is ever down',
  },
  not_found: {
    meaning: 'a file was gone when the agent came back; how much of it was not read is not known',
    remedy: 'keep rotated files for longer than the agent is ever down',
  },
  ignored_older: {
    meaning: 'a file was not written to for longer than ignore_older when it was found',
    remedy: 'raise ignore_older of the input',
  },
  vacuumed: {
    meaning: 'journald removed entries before they were read; with units or match it is not known how many of those',
    remedy: 'let journald keep more (SystemMaxUse=, RuntimeMaxUse= in journald.conf)',
  },
  hole: {
    meaning:
      'bytes of a file that nobody wrote, or whose room was given back, or a page of NULs before a line: they are no lines',
    remedy: 'none where the machine lost its power; else have the writer open the file for appending (O_APPEND)',
  },
  corrupt: {
    meaning: 'a compressed file is damaged; what is good of it was read',
    remedy: 'look at who compresses it, and at its disk: gzip -t, zstd -t',
  },
  kernel_drop: {
    meaning: 'the kernel dropped datagrams before they were received; each counts as one, whatever was in it',
    remedy: 'raise statsd.receive_buffer and net.core.rmem_max',
  },
  'malformed:name': { meaning: 'a StatsD line has no name', remedy: 'look at who sends it: NAME:VALUE|TYPE' },
  'malformed:value': {
    meaning: 'a StatsD line has no value, or one that is no number',
    remedy: 'write 0.75 with a point, not 0,75; without spaces, and not NaN',
  },
  'malformed:type': {
    meaning: 'a StatsD line has no type, or one that is none of c g ms h d s',
    remedy: 'c counts, g is a gauge, ms a timing, h a histogram, d a distribution, s a set',
  },
  'malformed:rate': {
    meaning: 'a StatsD line has a sample rate (|@) that is none',
    remedy: 'a rate is above 0 and at most 1: |@0.1',
  },
  'malformed:timestamp': {
    meaning: 'a StatsD line has a time (|T) that is none',
    remedy: 'a time is whole seconds since 1970: |T1796083200',
  },
  'malformed:length': {
    meaning: 'a StatsD line or message is longer than 64 KiB, or the end of one was missing',
    remedy: 'look at who sends it: over a path, messages have their length before them or LF behind them',
  },
  'malformed:event': {
    meaning: 'a StatsD event (_e) is not of its form',
    remedy: '_e{TITLE BYTES,TEXT BYTES}:TITLE|TEXT, and the title is not empty',
  },
  'malformed:service_check': {
    meaning: 'a StatsD service check (_sc) is not of its form',
    remedy: '_sc|NAME|STATUS, with a status of 0 (ok), 1 (warning), 2 (critical), 3 (unknown)',
  },
  event_limit: {
    meaning: 'more than 10,000 StatsD events came in one window',
    remedy: 'send fewer, or set statsd.flush_interval to a shorter duration',
  },
  bad_timestamp: {
    meaning: 'samples whose own time (|T) is more than an hour ago or more than ten minutes ahead are dropped',
    remedy: 'look at the clock of who sends them',
  },
  unsupported_timestamp: {
    meaning: 'only counters and gauges may have a time of their own (|T): other samples with one are dropped',
    remedy: 'send them without',
  },
  max_contexts: {
    meaning: 'there are more names than statsd.max_contexts and statsd.memory allow: samples of the others are dropped',
    remedy: 'raise them, or send fewer series',
  },
  memory: {
    meaning: 'statsd.memory is used up: samples that find no room are dropped',
    remedy: 'raise it, or send fewer series',
  },
  invalid: {
    meaning:
      'a span over OTLP has no good trace id or span id (16 and 8 bytes that are not all 0), or a data point is larger than a record',
    remedy: 'look at who sends it; it was told so (partial_success)',
  },
  listener_failed: {
    meaning: 'the thread of StatsD ended, and what it held with it; it is started again',
    remedy: 'report it, with runnel flare',
  },
  output_failed: {
    meaning: 'a window of StatsD could not be handed over',
    remedy: 'look at the log of that time: the disk of data_dir may have been full',
  },
} as const satisfies Readonly<Record<string, Meaning>>;

export type LossReason = keyof typeof LOSSES;

export function meaningOf(reason: LossReason): Meaning {
  return LOSSES[reason];
}
