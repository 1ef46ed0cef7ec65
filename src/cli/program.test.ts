import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { noCapabilities } from '../../test/doubles/capabilities.ts';
import { basicHeader } from '../../test/contract/authenticator.ts';
import { fakeSession } from '../../test/doubles/session.ts';
import { createAccounts } from '../auth/accounts.ts';
import { createBasicAuthenticator } from '../auth/basic.ts';
import { createBearerAuthenticator } from '../auth/bearer.ts';
import type { Config } from '../config/schema.ts';
import type { Capabilities } from './context.ts';
import type { DoctorReport } from './doctor-report.ts';
import { runCommandLine } from './program.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function bulkhead(
  args: readonly string[],
  options: { env?: Record<string, string>; stdin?: string; with?: Partial<Capabilities> } = {},
) {
  const session = fakeSession({ cwd: folder, env: { BULKHEAD_AUTH__MODE: 'basic', ...options.env } });
  session.typed.end(options.stdin ?? '');
  const code = await runCommandLine(args, noCapabilities({ accounts, ...options.with }), session);
  return { code, out: session.out(), err: session.err() };
}

async function accounts({ auth }: Config) {
  return createAccounts({ usersFile: auth.users_file, tokensFile: auth.tokens_file });
}

function usersFile(): string {
  return join(folder, 'bulkhead-data/auth/users.json');
}

function tokensFile(): string {
  return join(folder, 'bulkhead-data/auth/tokens.json');
}

function onProblem(problem: string): never {
  throw new Error(problem);
}

function withReport(...checks: DoctorReport['checks']) {
  return { with: { doctor: () => Promise.resolve({ checks }) } };
}

describe('user', () => {
  test('add lets somebody in, and remove takes it back with the tokens', async () => {
    expect(
      (await bulkhead(['user', 'add', 'ada', '--group', 'lab'], { stdin: 'correct horse\n' })).code,
    ).toBe(0);
    expect(statSync(usersFile()).mode & 0o777).toBe(0o600);
    const basic = createBasicAuthenticator({ usersFile: usersFile(), rememberMs: 1000, onProblem });
    const ada = basicHeader('ada', 'correct horse');
    expect(await basic.authenticate(ada)).toMatchObject({ subject: 'ada', groups: ['lab'] });

    const { out: token } = await bulkhead(['user', 'token', 'ada']);
    const bearer = createBearerAuthenticator({ tokensFile: tokensFile(), onProblem });
    expect(await bearer.authenticate(`Bearer ${token.trim()}`)).toMatchObject({
      subject: 'ada',
      groups: ['lab'],
    });

    const listed = await bulkhead(['user', 'list', '--json']);
    expect(JSON.parse(listed.out)).toMatchObject({
      users: [{ name: 'ada', hasPassword: true, tokens: [{}] }],
    });
    expect(listed.out).not.toContain('scrypt');
    expect((await bulkhead(['user', 'list'])).out).toMatch(
      /^NAME +PASSWORD +TOKENS +GROUPS\nada +yes +\w{8} \(\d{4}-\d\d-\d\d\) +lab\n$/,
    );

    expect((await bulkhead(['user', 'remove', 'ada'])).err).toContain('1 token');
    await expect(basic.authenticate(ada)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(bearer.authenticate(`Bearer ${token.trim()}`)).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  test('token is for known users, or with --new for a program; revoke takes it back', async () => {
    const refused = await bulkhead(['user', 'token', 'ci']);
    expect(refused).toMatchObject({ code: 5, out: '', err: expect.stringContaining('There is no user ci') });
    expect((await bulkhead(['user', 'token', '--new', 'ci', '--group', 'lab', '--json'])).out).toContain(
      'bulkhead_',
    );
    expect(readFileSync(tokensFile(), 'utf8')).not.toContain('bulkhead_');
    expect((await bulkhead(['user', 'revoke', 'ci', 'wrong'])).code).toBe(5);
    expect((await bulkhead(['user', 'revoke', 'ci'])).code).toBe(0);
    expect(JSON.parse((await bulkhead(['user', 'list', '--json'])).out)).toEqual({ users: [] });
  });

  test('a password that is too short is refused, and nothing is written', async () => {
    const { code, err } = await bulkhead(['user', 'add', 'ada'], { stdin: 'short\n' });
    expect(code).toBe(6);
    expect(err).toContain('8 to 1024');
    expect(() => statSync(usersFile())).toThrow('ENOENT');
  });

  test('says that nobody is asked while auth.mode is none', async () => {
    const { err } = await bulkhead(['user', 'add', 'ada'], {
      stdin: 'correct horse',
      env: { BULKHEAD_AUTH__MODE: '' },
    });
    expect(err).toContain('auth.mode is none');
  });
});

describe('serve', () => {
  test('gets the configuration: options over the environment over the file', async () => {
    writeFileSync(join(folder, 'c.yaml'), 'server: { port: 1 }\nlog: { level: warn }\ndata: d');
    let config: Config | undefined;
    const serve = (loaded: Config) => {
      config = loaded;
      return Promise.resolve(0);
    };
    const args = ['serve', '--config', 'c.yaml', '--port', '3', '--set', 'limits.retention=7d'];
    const { code } = await bulkhead(args, { env: { BULKHEAD_SERVER__PORT: '2' }, with: { serve } });
    expect(code).toBe(0);
    expect(config).toMatchObject({
      server: { port: 3 },
      log: { level: 'warn' },
      data: join(folder, 'd'),
      limits: { retention: 604_800_000 },
    });
  });

  test('is not reached by a configuration that is wrong', async () => {
    const { code, err } = await bulkhead(
      ['serve', '--set', 'server.prot=1', '--host', '0.0.0.0', '--log-level', 'x'],
      { env: { BULKHEAD_AUTH__MODE: 'none' } },
    );
    expect(code).toBe(2);
    for (const part of ['did you mean server.port?', 'server.host: 0.0.0.0 is beyond loopback', 'log.level'])
      expect(err).toContain(part);
  });
});

describe('config', () => {
  test('schema is JSON Schema, show is what is in effect', async () => {
    expect(JSON.parse((await bulkhead(['config', 'schema'])).out)).toMatchObject({
      $schema: expect.any(String),
      type: 'object',
    });
    expect((await bulkhead(['config', 'show'])).out).toMatch(/\nserver\.port +8710\n/);
    expect(JSON.parse((await bulkhead(['config', 'show', '--json'])).out)).toMatchObject({
      server: { port: 8710 },
    });
  });
});

describe('doctor', () => {
  const report: DoctorReport = {
    checks: [
      { id: 'kernel', title: 'Kernel', status: 'ok', found: '6.1' },
      {
        id: 'overlay',
        title: 'Inputs without a copy',
        status: 'warn',
        found: 'no \u001bmetacopy',
        remedy: 'a kernel of 6.5 or newer',
      },
      { id: 'runc', title: 'Runtime', status: 'fail', found: 'none', remedy: 'apt install runc' },
    ],
  };

  test('shows what was found and what to do, and ends with 1 where tasks could not run', async () => {
    const { code, out } = await bulkhead(['doctor'], withReport(...report.checks));
    expect(code).toBe(1);
    expect(out).toMatch(
      /^ +CHECK +FOUND\nOK +Kernel +6\.1\nWARN +Inputs without a copy +no \\x1bmetacopy\nFAIL +Runtime +none\n/,
    );
    expect(out).toContain('Runtime: apt install runc');
    expect(out).toContain("Tasks can't run on this host: 1 of 3 checks failed.");
  });

  test('ends with 0 where only something is weaker', async () => {
    const { code, out } = await bulkhead(['doctor'], withReport(...report.checks.slice(0, 2)));
    expect(code).toBe(0);
    expect(out).toContain('Tasks can run on this host, with 1 warning.');
  });

  test('--json is the report', async () => {
    const { out } = await bulkhead(['doctor', '--json'], withReport(...report.checks));
    expect(JSON.parse(out)).toEqual(report);
  });
});

describe('help and mistakes', () => {
  test.each([
    [['--help'], 0, 'Usage: bulkhead'],
    [['run', '--help'], 0, 'bulkhead run alpine -- echo hello'],
    [['task', 'list', '--help'], 0, 'Examples:'],
    [['user', 'add', '--help'], 0, 'Examples:'],
    [['--version'], 0, '1.2.3'],
  ])('%j', async (args, code, part) => {
    const result = await bulkhead(args);
    expect(result.code).toBe(code);
    expect(result.out).toContain(part);
  });

  test.each([
    [['rnu']],
    [['task', 'list', '--state', 'DONE']],
    [['task', 'list', '--limit', '0']],
    [['task', 'get']],
    [['serve', '--set', 'x']],
  ])('%j ends with 2, and says why', async (args) => {
    const { code, err } = await bulkhead(args);
    expect(code).toBe(2);
    expect(err).not.toBe('');
  });

  test('an error that nobody thought of is told as one', async () => {
    const { code, err } = await bulkhead(['doctor'], {
      with: { doctor: () => Promise.reject(new Error('boom')) },
    });
    expect(code).toBe(7);
    expect(err).toContain('should not: Error: boom');
  });

  test.each([
    [{ BULKHEAD_SERVER_URL: 'http://ada:secret@host' }, 'credentials in it'],
    [{ BULKHEAD_SERVER_URL: 'ftp://host' }, 'not of the form'],
    [{ BULKHEAD_USER: 'ada' }, 'BULKHEAD_PASSWORD is not'],
  ])('%j is refused', async (env, part) => {
    const { code, err } = await bulkhead(['task', 'list'], { env });
    expect(code).toBe(6);
    expect(err).toContain(part);
    expect(err).not.toContain('secret');
  });
});
