import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import type { Logger, LoggerOptions } from './logger.ts';

/** What a logger writes. */
function written(format: LoggerOptions['format'], use: (logger: Logger) => void, isTTY = false): string {
  const destination = Object.assign(new PassThrough(), { isTTY });
  use(createLogger({ level: 'info', format, destination }));
  return String(destination.read() ?? '');
}

describe('a line of JSON', () => {
  test('has an RFC 3339 time, the name of its level and the fields', () => {
    const line: unknown = JSON.parse(written('json', (logger) => logger.info({ task: 'a1' }, 'created')));
    expect(line).toEqual({
      level: 'info',
      task: 'a1',
      msg: 'created',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });

  test('below the level is not written', () => {
    expect(written('json', (logger) => logger.debug('x'))).toBe('');
  });
});

describe('a secret is taken out', () => {
  const token = `bulkhead_${'x'.repeat(43)}`;
  test.each<[string, (logger: Logger) => void, string]>([
    [
      'in a header',
      (log) => log.info({ req: { headers: { authorization: 'Basic YWRhOmhvcnNl' } } }),
      'YWRhOmhvcnNl',
    ],
    ['in a header of another name', (log) => log.info({ header: 'Bearer abcdefghijk' }), 'abcdefghijk'],
    ['deep in a structure', (log) => log.info({ a: [{ b: { userPassword: 'horse"\\staple' } }] }), 'horse'],
    ['in the fields of a child', (log) => log.child({ api_key: 'k3y' }).info('x'), 'k3y'],
    ['in the URL of a message', (log) => log.info('fetching https://ada:horse@host/x'), 'horse'],
    [
      'in the message of an error',
      (log) => log.error(new Error('GET s3://key:horse@bucket failed')),
      'horse',
    ],
    ['that is one of our tokens, anywhere', (log) => log.info(`argv ${token}`), token],
    ['as cookie', (log) => log.info({ 'set-cookie': 'sid=12345' }), '12345'],
  ])('%s', (_, use, secret) => {
    for (const format of ['json', 'pretty'] as const) {
      const line = written(format, use);
      expect(line).toContain('[redacted]');
      expect(line).not.toContain(secret);
    }
  });

  test('and the line is still JSON, with what is no secret in it', () => {
    const line = written('json', (log) => log.info({ password: 'a"b\\', task: 'a1' }, 'one:two@three'));
    expect(JSON.parse(line)).toMatchObject({ password: '[redacted]', task: 'a1', msg: 'one:two@three' });
  });
});

describe('for people', () => {
  test('a line has time, level, message and fields', () => {
    expect(written('auto', (log) => log.warn({ task: 'a1', n: 2 }, 'slow'), true)).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}slow task=a1 n=2\n$/,
    );
  });

  test('an error is followed by its stack', () => {
    expect(written('pretty', (log) => log.error(new Error('broken')))).toMatch(
      /ERROR broken\n {4}Error: broken\n {8}at /,
    );
  });

  test("control characters of a task's text don't reach the terminal", () => {
    const line = written('pretty', (log) =>
      log.info({ name: '\u001b[2J' }, 'a\u001b]52;c;x\u0007\u009b\u202eb'),
    );
    expect(line.trimEnd()).not.toMatch(/\p{Cc}|\u202e/u);
    expect(line).toContain('a\\x1b]52;c;x\\x07\\x9b\\u202eb');
  });

  test('only a terminal gets it by itself', () => {
    expect(written('auto', (log) => log.info('x'))).toMatch(/^\{/);
  });
});
