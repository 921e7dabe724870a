import { ISO, REST } from './pieces.ts';
import type { Preset } from './preset.ts';

const LEVEL = '(?<log.level>[A-Z]+)';
const LOGGER = String.raw`(?<log.logger>[\w.$/-]+)`;
/** A name in brackets, which may have some itself. */
const THREAD = String.raw`\[ *(?<process.thread.name>(?:[^\[\]]|\[[^\[\]]*\])*)\]`;
/** Log4j's and Spark's short years. */
const TIME = String.raw`(?<timestamp>(?:\d{4}-\d\d-\d\d|\d\d/\d\d/\d\d)[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)`;

const LINES = [
  // Spring Boot: TIME LEVEL PID --- [app] [thread] [trace-span] logger : message
  String.raw`^${ISO} +${LEVEL} (?<process.pid>\d+) --- (?:\[(?<service.name>[^\]]*)\] )?${THREAD} (?:\[(?:(?<trace.id>[0-9a-f]+)-(?<span.id>[0-9a-f]+)| *)\] )?${LOGGER} *: ${REST}`,
  // Hadoop, Spark, HBase: TIME LEVEL [thread] logger: message
  String.raw`^${TIME} +${LEVEL} +(?:${THREAD} )?${LOGGER}(?::(?<log.origin.file.line>\d+))?(?: -|:) ${REST}`,
  // Hadoop of Ambari: TIME LEVEL logger (file:method(line)) - message
  String.raw`^${TIME} +${LEVEL} +(?:${THREAD} )?${LOGGER} \((?<log.origin.file.name>[^:()]+):(?<log.origin.function>[^()]+)\((?<log.origin.file.line>\d+)\)\) - ${REST}`,
  // Logback: TIME [thread] LEVEL logger - message
  String.raw`^${TIME} +${THREAD} +${LEVEL} +${LOGGER}(?::(?<log.origin.file.line>\d+))?(?: -|:) ${REST}`,
  // ZooKeeper: TIME - LEVEL [thread:class@line] - message
  String.raw`^${ISO} +(?:\[myid:[^\]]*\] +)?- +${LEVEL} +\[(?<process.thread.name>[^@]*):(?<log.logger>[^:@]+)@(?<log.origin.file.line>\d+)\] - ${REST}`,
  // Kafka: [TIME] LEVEL message (logger)
  String.raw`^\[${ISO}\] ${LEVEL} (?<message>[^\n]*) \(${LOGGER}(?::\d+)?\)(?:\n(?<error.stack_trace>[\s\S]*))?$`,
  // WildFly: TIME LEVEL [logger] (thread) message
  String.raw`^${ISO} +${LEVEL} +\[${LOGGER}\] \((?<process.thread.name>[^)]*)\) ${REST}`,
  // Elasticsearch: [TIME][LEVEL][logger] [node] message
  String.raw`^\[${ISO}\]\[${LEVEL} *\]\[${LOGGER} *\] *${REST}`,
  // Tomcat: 21-Sep-2026 14:13:20.123 LEVEL [thread] logger message
  String.raw`^(?<timestamp>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d+) ${LEVEL} ${THREAD} ${LOGGER} ${REST}`,
  // java.util.logging, two lines: Sep 21, 2026 2:13:20 PM class method
  String.raw`^(?<timestamp>[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M) (?<log.logger>[^ \n]+)(?: (?<log.origin.function>[^\n]+))?\n${LEVEL}: ${REST}`,
  // HDFS and others of old: 081109 203615 PID LEVEL logger: message
  String.raw`^(?<timestamp>\d{6} \d{6}) (?<process.pid>\d+) ${LEVEL} ${LOGGER}: ${REST}`,
];

export const java: Preset = {
  about:
    'The usual patterns of Logback, Log4j, Spring Boot, java.util.logging; Hadoop, ZooKeeper, Kafka, Spark, Tomcat.',
  steps: [
    { parse: LINES.map((pattern) => ({ regex: { pattern } })) },
    { time: { field: 'timestamp', format: ['iso', 'tomcat', 'jul', '%y/%m/%d %H:%M:%S', '%y%m%d %H%M%S'] } },
    { level: 'log.level' },
  ],
};
