/** What is said, once, of samples that were received and dropped: why, and what to do. By the reason in the books. */
export const REMEDIES: Readonly<Record<string, string>> = {
  bad_timestamp:
    'samples whose own time (|T) is more than an hour ago or more than ten minutes ahead are dropped: look at the clock of who sends them',
  unsupported_timestamp:
    'only counters and gauges may have a time of their own (|T): other samples with one are dropped',
  max_contexts:
    'there are more names than statsd.max_contexts and statsd.memory allow: samples of the others are dropped; raise them, or send fewer series',
  memory: 'statsd.memory is used up: samples that find no room are dropped; raise it, or send fewer series',
};
