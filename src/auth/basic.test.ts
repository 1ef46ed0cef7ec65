import { appendFileSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { basicHeader } from '../../test/contract/authenticator.ts';
import { isBulkheadError } from '../errors.ts';
import type { Authenticator } from './authenticator.ts';
import { createBasicAuthenticator } from './basic.ts';
import { putUser, removeUser } from './users-file.ts';

let folder: string;
let usersFile: string;
let problems: string[];
let clock: number;
const ADA = basicHeader('ada', 'correct horse');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'auth-'));
  usersFile = join(folder, 'users.json');
  problems = [];
  clock = 0;
  await putUser(usersFile, { name: 'ada', groups: ['lab'], password: 'correct horse' });
});
afterEach(() => rmSync(folder, { recursive: true }));

function authenticator(): Authenticator {
  return createBasicAuthenticator({
    usersFile,
    rememberMs: 60_000,
    onProblem: (problem) => problems.push(problem),
    now: () => clock,
  });
}

/** `let in`, or the code of the refusal. */
async function outcome(subject: Authenticator, header: string): Promise<string> {
  try {
    await subject.authenticate(header);
    return 'let in';
  } catch (error) {
    if (isBulkheadError(error)) return error.code;
    throw error;
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const used = process.cpuUsage(start);
  return (used.user + used.system) / 1000;
}

describe('a client that polls', () => {
  test('pays for the hash once, until the time to remember is over', async () => {
    const subject = authenticator();
    const first = await timed(() => subject.authenticate(ADA));
    const second = await timed(() => subject.authenticate(ADA));
    expect(second).toBeLessThan(first / 4);
    clock = 60_001;
    expect(await timed(() => subject.authenticate(ADA))).toBeGreaterThan(first / 4);
  });

  test('pays once for many requests at the same time', async () => {
    const subject = authenticator();
    const one = await timed(() => subject.authenticate(ADA));
    clock = 60_001;
    const many = await timed(() => Promise.all(Array.from({ length: 20 }, () => subject.authenticate(ADA))));
    expect(many).toBeLessThan(one * 4);
  });

  test('is not let in with another password for the same name', async () => {
    const subject = authenticator();
    await subject.authenticate(ADA);
    expect(await outcome(subject, basicHeader('ada', 'correct hors'))).toBe('unauthenticated');
  });
});

describe('a change of the users file', () => {
  test('counts at once, also for a password that was remembered', async () => {
    const subject = authenticator();
    expect(await outcome(subject, ADA)).toBe('let in');
    await putUser(usersFile, { name: 'ada', groups: [], password: 'another one' });
    expect(await outcome(subject, ADA)).toBe('unauthenticated');
    expect((await subject.authenticate(basicHeader('ada', 'another one'))).groups).toEqual([]);
    await removeUser(usersFile, 'ada');
    expect(await outcome(subject, basicHeader('ada', 'another one'))).toBe('unauthenticated');
  });

  test('that makes it unreadable leaves who was known, and is reported once', async () => {
    const subject = authenticator();
    await subject.authenticate(ADA);
    appendFileSync(usersFile, 'oops');
    expect(await outcome(subject, ADA)).toBe('let in');
    expect(await outcome(subject, ADA)).toBe('let in');
    expect(problems).toEqual([expect.stringContaining('not JSON')]);
  });

  test('that lets others write it is not read', async () => {
    chmodSync(usersFile, 0o666);
    expect(await outcome(authenticator(), ADA)).toBe('unauthenticated');
    expect(problems).toEqual([expect.stringContaining('chmod 600')]);
  });

  test('that removes it takes everybody out', async () => {
    const subject = authenticator();
    await subject.authenticate(ADA);
    rmSync(usersFile);
    expect(await outcome(subject, ADA)).toBe('unauthenticated');
  });

  test('that puts a weaker hash in is refused', async () => {
    const weak = {
      name: 'ada',
      groups: [],
      password: `$scrypt$ln=04,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
    };
    writeFileSync(usersFile, JSON.stringify({ users: [weak] }));
    await outcome(authenticator(), ADA);
    expect(problems).toEqual([expect.stringContaining('users[0]')]);
  });
});

describe('somebody who guesses', () => {
  test('learns nothing from the time: an unknown user costs what a wrong password does', async () => {
    const subject = authenticator();
    await subject.authenticate(ADA);
    const wrong = await timed(() => outcome(subject, basicHeader('ada', 'wrong')));
    const unknown = await timed(() => outcome(subject, basicHeader('bob', 'wrong')));
    // Without the hash for nobody the second takes less than a millisecond.
    expect(unknown).toBeGreaterThan(wrong / 4);
  });

  test('is turned away in a flood, while those who are remembered go on', async () => {
    const subject = authenticator();
    await subject.authenticate(ADA);
    const flood = Array.from({ length: 100 }, (_, guess) =>
      outcome(subject, basicHeader('ada', `guess ${guess}`)),
    );
    const start = performance.now();
    expect(await outcome(subject, ADA)).toBe('let in');
    expect(performance.now() - start).toBeLessThan(1000);
    const outcomes = await Promise.all(flood);
    expect(outcomes.filter((code) => code === 'busy').length).toBe(100 - 2 - 64);
    expect(outcomes).not.toContain('let in');
  });
});
