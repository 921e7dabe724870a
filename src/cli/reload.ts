/**
 * `runnel reload`: has the running agent read its configuration again. That goes over its unix socket; where the
 * configuration names another one now, its address tells which.
 */
import { realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { type AgentAddress, askFirst, bodyOf, targetOf, targetsOf } from '../admin/client.ts';
import { ConfigError } from '../config/errors.ts';
import { faultText, type Reloaded, refused, summaryOf } from '../reload.ts';
import type { Status } from '../report/shape.ts';
import { locateConfig } from './locate.ts';
import { complain, print, printJson } from './output.ts';
import { type AgentChoice, silence } from './status.ts';

/** Resolves to the exit code: 0 done, 1 when no agent answers, 2 when the configuration was refused: the old one goes on. */
export async function reload(options: AgentChoice & { json?: boolean }): Promise<number> {
  let told: Reloaded;
  try {
    told = await ask(options);
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      complain(`runnel: ${silence(error, options)}`);
      return 1;
    }
    told = refused(...error.faults);
  }
  if (options.json) printJson(`${JSON.stringify(told)}\n`);
  else {
    for (const warning of told.warnings) complain(`warning: ${warning}`);
    for (const fault of told.errors) complain(faultText(fault));
    if (told.reloaded) print(`${summaryOf(told)}\n`);
  }
  return told.reloaded ? 0 : 2;
}

async function ask(options: AgentChoice): Promise<Reloaded> {
  const response = await askFirst(await socketsOf(options), '/reload', 'POST');
  const body = await bodyOf(response);
  if (response.statusCode !== 200 && response.statusCode !== 409) {
    throw new Error(`the agent answered ${response.statusCode}: ${body.trim()}`);
  }
  return JSON.parse(body) as Reloaded;
}

/** Where the agent takes it. Throws ConfigError where the configuration cannot be used: nobody is asked then. */
async function socketsOf(choice: AgentChoice): Promise<AgentAddress[]> {
  let path: string | null = null;
  let targets: AgentAddress[];
  if (choice.admin !== undefined) targets = [targetOf(choice.admin)];
  else {
    const located = await locateConfig(choice);
    path = located.path;
    targets = targetsOf(located.config, choice.config === undefined || choice.config === choice.defaultPath);
  }
  const sockets = targets.filter((target) => 'socketPath' in target);
  for (const target of targets) {
    if ('socketPath' in target) continue;
    const status = await statusOf(target);
    // Another agent's may be at this address.
    if (!status || (path !== null && !isSame(path, status.config.path))) continue;
    for (const { address } of status.admin.listeners) if (isAbsolute(address)) sockets.push({ socketPath: address });
  }
  return sockets.length > 0 ? sockets : targets;
}

async function statusOf(target: AgentAddress): Promise<Status | null> {
  try {
    const response = await askFirst([target], '/status?files=0');
    return response.statusCode === 200 ? (JSON.parse(await bodyOf(response)) as Status) : null;
  } catch {
    // It is asked again, on its socket, and says then why it does not answer.
    return null;
  }
}

function isSame(path: string, other: string | null): boolean {
  try {
    return other !== null && realpathSync(path) === realpathSync(other);
  } catch {
    return false;
  }
}
