/** What commands that read Kafka have in common: which brokers, and what stops them before they begin. */
import { ConfigError } from '../config/errors.ts';
import { KafkaClient } from '../kafka/connect/client.ts';
import type { Config } from '../options.ts';
import { type ConfigChoice, locateConfig } from './locate.ts';
import { complain } from './output.ts';

export type KafkaChoice = ConfigChoice & {
  /** Separated by commas, in place of a configuration. */
  brokers?: string;
};

/** What stops a command before it begins: wrong usage. */
export class UsageError extends Error {}

/** Says what of the usage or the configuration is wrong; the exit code. Throws what is neither. */
export function sayUsage(error: unknown): number {
  if (error instanceof ConfigError) complain(error.message);
  else if (error instanceof UsageError) complain(`runnel: ${error.message}`);
  else throw error;
  return 2;
}

/** Null: brokers were named, and no configuration. */
export async function configOrBrokers(choice: KafkaChoice): Promise<Config | null> {
  if (choice.config === undefined && choice.brokers !== undefined) return null;
  return (await locateConfig(choice)).config;
}

/** Throws a UsageError where there are no brokers. */
export function kafkaClient(choice: KafkaChoice, config: Config | null): KafkaClient {
  const brokers = choice.brokers?.split(',').filter(Boolean) ?? config?.kafka.brokers ?? [];
  if (brokers.length === 0) {
    throw new UsageError(
      `no Kafka to read: ${config === null ? '--brokers names none' : 'kafka.brokers of the configuration names none; --brokers does'}`,
    );
  }
  return new KafkaClient({
    brokers,
    client_id: config?.kafka.client_id ?? 'runnel-verify',
    create_topics: false,
    tls: config?.kafka.tls,
    sasl: config?.kafka.sasl,
    quiet: true,
  });
}

/** Throws a UsageError. */
export function wholeNumber(name: string, text: string, least: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) throw new UsageError(`${name} is a number, not ${text}`);
  return Number(text);
}
