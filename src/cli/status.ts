/** `runnel status`: asks the running agent and prints what it says. */
import { type AgentAddress, askFirst, bodyOf, targetOf, targetsOf } from '../admin/client.ts';
import { ConfigError } from '../config/errors.ts';
import { FILES_SHOWN, renderStatus } from '../report/render.ts';
import type { Status } from '../report/shape.ts';
import { locateConfig } from './locate.ts';
import { complain, print, printJson } from './output.ts';

/** More than there can be. */
const ALL = 999_999_999;

export interface AgentChoice {
  /** Where an installed agent has its configuration. */
  defaultPath: string;
  config?: string;
  /** `http://host:port`, or `unix:/path`. */
  admin?: string;
}

/** Resolves to the exit code: 1 when no agent answers, 2 when the configuration cannot be used. */
export async function status(options: AgentChoice & { json?: boolean; files?: string }): Promise<number> {
  if (options.files !== undefined && !/^\d{1,9}$/.test(options.files)) {
    complain(`runnel: --files must be a number, not ${options.files}`);
    return 2;
  }
  // For scripts all of them, for people as many as they can read.
  const files = options.files ?? (options.json ? ALL : FILES_SHOWN);
  const targets = await targetsFor(options);
  if (targets === null) return 2;
  let body: string;
  try {
    body = await statusText(targets, files);
  } catch (error) {
    complain(`runnel: ${silence(error, options)}`);
    return 1;
  }
  if (options.json) printJson(body);
  else print(renderStatus(JSON.parse(body) as Status));
  return 0;
}

/** The status as JSON, with at most so many files of each input. Rejects where no agent answers, or it has none. */
export async function statusText(targets: readonly AgentAddress[], files: number | string): Promise<string> {
  const response = await askFirst(targets, `/status?files=${files}`);
  const body = await bodyOf(response);
  if (response.statusCode !== 200) throw new Error(`the agent answered ${response.statusCode}: ${body.trim()}`);
  return body;
}

/** That no agent answers, and what to do. */
export function silence(error: unknown, { config, admin }: AgentChoice): string {
  const other =
    config === undefined && admin === undefined ? ' One with another configuration is found by -c FILE.' : '';
  return `${(error as Error).message}; is it running?${other}`;
}

/** Where the agent may answer; null when the configuration cannot be used, which has been said on stderr then. */
export async function targetsFor(choice: AgentChoice): Promise<AgentAddress[] | null> {
  try {
    if (choice.admin !== undefined) return [targetOf(choice.admin)];
    const { config } = await locateConfig(choice);
    return targetsOf(config, choice.config === undefined || choice.config === choice.defaultPath);
  } catch (error) {
    if (!(error instanceof ConfigError) && choice.admin === undefined) throw error;
    complain((error as Error).message);
    return null;
  }
}
