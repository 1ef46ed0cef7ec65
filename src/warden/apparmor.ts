import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BulkheadError } from '../errors.ts';
import { isAlive, textOf } from './evidence/reading.ts';

/** How AppArmor confines the containers of this host. */
export interface AppArmor {
  /** The name of the profile that every container gets; absent: none. */
  readonly profile?: string;
  /** What is the case, for people. */
  readonly found: string;
  /** The host has it, and it confines nothing though it should. */
  readonly isMissing: boolean;
}

const OWN_PROFILE = 'bulkhead-task';
const OWN_FILE = fileURLToPath(new URL(`../../deploy/apparmor/${OWN_PROFILE}`, import.meta.url));
const ENABLED = '/sys/module/apparmor/parameters/enabled';
const LOADED = '/sys/kernel/security/apparmor/profiles';
const PARSERS = ['/usr/sbin/apparmor_parser', '/sbin/apparmor_parser'];
const PARSER_MS = 60_000;

/**
 * `auto`: the profile of this release where the host has AppArmor, loaded by us; `off`: none; else the name of one that
 * the operator has loaded. Throws `host` where a profile that was named isn't there.
 */
export async function openAppArmor(choice: string): Promise<AppArmor> {
  if (choice === 'off') return { found: 'off (backend.apparmor)', isMissing: false };
  const isOn = existsSync(ENABLED) && textOf(ENABLED) === 'Y';
  if (choice === 'auto') {
    if (!isOn) return { found: 'none: this kernel runs without AppArmor', isMissing: false };
    const problem = await load();
    return problem === undefined
      ? { profile: OWN_PROFILE, found: `profile ${OWN_PROFILE}`, isMissing: false }
      : { found: `the profile ${OWN_PROFILE} can't be loaded: ${problem}`, isMissing: true };
  }
  const why = isOn
    ? `it is not loaded in enforce mode; load it with apparmor_parser --replace FILE`
    : 'this kernel runs without AppArmor';
  if (!isOn || !isEnforced(textOf(LOADED), choice))
    throw new BulkheadError(
      'host',
      `backend.apparmor names the profile ${choice}: ${why}, or set backend.apparmor to auto or off`,
    );
  return { profile: choice, found: `profile ${choice}`, isMissing: false };
}

/** In the kernel's list of loaded profiles, one on a line: `NAME (MODE)`. Pure. */
export function isEnforced(profiles: string, name: string): boolean {
  return profiles.split('\n').includes(`${name} (enforce)`);
}

/** Whatever is loaded by that name is replaced: that of another release may allow more. Answers why it can't be. */
async function load(): Promise<string | undefined> {
  const parser = PARSERS.find((path) => existsSync(path));
  if (parser === undefined) return 'there is no apparmor_parser; on Debian: apt install apparmor';
  try {
    await promisify(execFile)(parser, ['--replace', '--skip-cache', OWN_FILE], { timeout: PARSER_MS });
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
  return isEnforced(textOf(LOADED), OWN_PROFILE) ? undefined : 'the kernel took it and does not list it';
}

/**
 * AppArmor confines a process from its next exec on, which is that of the container's init, so that nothing shows before:
 * this is read back once it has begun. Throws `evidence` where it is under another profile; a process that has ended by
 * then tells nothing. Source: the kernel's security/apparmor/domain.c, runc's libcontainer/apparmor.
 */
export async function demandConfined(pid: number, profile: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let found = confinement(pid);
  while (found === 'waits') {
    if (performance.now() > deadline)
      throw new BulkheadError('warden', `the container's first process does not begin for ${timeoutMs} ms`);
    await sleep(1);
    found = confinement(pid);
  }
  if (found === 'ended' || found === `${profile} (enforce)`) return;
  throw new BulkheadError(
    'evidence',
    `the sandbox that the kernel enforces is not the one that was asked for: apparmor is ${found}, not ${profile} (enforce); the task was ended at its start`,
  );
}

/** Its label; `waits` while it is the runtime's own `init`, or between that and the container's. */
function confinement(pid: number): string {
  const proc = `/proc/${pid}`;
  // In this order: once the command line is that of the init, the label is too.
  const words = textOf(`${proc}/cmdline`).split('\0');
  const own = `${proc}/attr/apparmor/current`;
  const label = textOf(existsSync(own) ? own : `${proc}/attr/current`);
  if (!isAlive(proc)) return 'ended';
  return words[0] === '' || words[1] === 'init' ? 'waits' : label.replaceAll('\0', '');
}
