/**
 * Loaded before a program (`node --import`): from its start on its clocks and timers go RUNNEL_TEST_CLOCK times as fast as
 * those of the machine, so that half a minute is a quarter of an hour to it. The times of files and of others stay
 * what they are.
 */
import { syncBuiltinESMExports } from 'node:module';
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';
import promises from 'node:timers/promises';

const speed = Number(process.env.RUNNEL_TEST_CLOCK);

const MachineDate = Date;
const began = MachineDate.now();
const dateNow = () => Math.floor(began + (MachineDate.now() - began) * speed);
globalThis.Date = new Proxy(MachineDate, {
  construct: (target, args) => (args.length === 0 ? new target(dateNow()) : Reflect.construct(target, args)),
  get: (target, name) => (name === 'now' ? dateNow : Reflect.get(target, name)),
});

const machineNow = performance.now.bind(performance);
const base = machineNow();
performance.now = () => base + (machineNow() - base) * speed;

const { setTimeout, setInterval } = timers;
const { setTimeout: sleep } = promises;
const after = ((run, ms = 0, ...args) => setTimeout(run, ms / speed, ...args)) as typeof setTimeout;
const every = ((run, ms = 0, ...args) => setInterval(run, ms / speed, ...args)) as typeof setInterval;
timers.setTimeout = globalThis.setTimeout = after;
timers.setInterval = globalThis.setInterval = every;
promises.setTimeout = (ms = 0, ...args) => sleep(ms / speed, ...args);
AbortSignal.timeout = (
  (timeout) => (ms) =>
    timeout.call(AbortSignal, Math.ceil(ms / speed))
)(AbortSignal.timeout);
syncBuiltinESMExports();
