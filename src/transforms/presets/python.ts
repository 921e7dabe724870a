import { ISO, REST } from './pieces.ts';
import type { Preset } from './preset.ts';

const LEVEL = '(?<log.level>DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL|AUDIT|TRACE|SUCCESS)';
const LOGGER = String.raw`(?<log.logger>[\w.]+)`;

const LINES = [
  // TIME - logger - LEVEL - message
  String.raw`^${ISO} - (?<log.logger>\S+) - ${LEVEL} - ${REST}`,
  // TIME LEVEL logger: message, and without a logger
  String.raw`^${ISO} \[?${LEVEL}\]?(?: ${LOGGER}: | +)${REST}`,
  // OpenStack: [file] TIME PID LEVEL logger [request] message
  String.raw`^(?:(?<log.origin.file.name>\S+\.log\S*) )?${ISO} (?<process.pid>\d+) ${LEVEL} ${LOGGER} (?:\[(?<openstack.context>[^\]]*)\] )?${REST}`,
  // Flask: [TIME] LEVEL in module: message
  String.raw`^\[${ISO}\] ${LEVEL} in ${LOGGER}: ${REST}`,
  // gunicorn: [TIME] [PID] [LEVEL] message
  String.raw`^\[${ISO}\] \[(?<process.pid>\d+)\] \[${LEVEL}\] ${REST}`,
  // Celery: [TIME: LEVEL/process] message
  String.raw`^\[${ISO}: ${LEVEL}/(?<process.name>[^\]]*)\] ${REST}`,
  // Airflow: [TIME] {file:line} LEVEL - message
  String.raw`^\[${ISO}\] \{(?<log.origin.file.name>[^}:]*):(?<log.origin.file.line>\d+)\} ${LEVEL} - ${REST}`,
  // loguru: TIME | LEVEL | logger:function:line - message
  String.raw`^${ISO} \| ${LEVEL} +\| (?<log.logger>[^:]*):(?<log.origin.function>[^:]*):(?<log.origin.file.line>\d+) - ${REST}`,
  // Django's verbose: LEVEL TIME module PID thread message
  String.raw`^${LEVEL} ${ISO} ${LOGGER} (?<process.pid>\d+) (?<process.thread.id>\d+) ${REST}`,
  // basicConfig: LEVEL:logger:message
  `^${LEVEL}:(?<log.logger>[^: ]+):${REST}`,
  // uvicorn: LEVEL: message
  `^${LEVEL}: +${REST}`,
];

export const python: Preset = {
  about: 'The usual patterns of logging, and those of OpenStack, Flask, gunicorn, Celery, Airflow, Django, loguru.',
  steps: [
    { parse: LINES.map((pattern) => ({ regex: { pattern } })) },
    { time: { field: 'timestamp', format: 'iso' } },
    { level: 'log.level' },
  ],
};
