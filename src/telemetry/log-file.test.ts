import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLogFile } from './log-file.ts';
import { createLogger } from './logger.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-log-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('after it was moved away and reopened, lines go to a new file of mode 0640', () => {
  const path = join(folder, 'server.log');
  const file = openLogFile(path);
  const logger = createLogger({ level: 'info', format: 'auto', file });
  logger.info('one');
  renameSync(path, `${path}.1`);
  logger.info('two');
  file.reopen();
  logger.info('three');
  file.close();
  expect(messages(`${path}.1`)).toEqual(['one', 'two']);
  expect(messages(path)).toEqual(['three']);
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

test('a disk that takes no line ends nothing, and what was lost is counted once there is room', () => {
  const path = join(folder, 'server.log');
  symlinkSync('/dev/full', path);
  const file = openLogFile(path);
  file.write('a\n');
  file.write('b\n');
  rmSync(path);
  file.reopen();
  file.write('c\n');
  file.write('d\n');
  file.close();
  const [empty, lost, ...rest] = readFileSync(path, 'utf8').split('\n');
  expect(empty).toBe('');
  expect(JSON.parse(lost ?? '')).toMatchObject({ level: 'error', msg: expect.stringMatching(/^2 lines/) });
  expect(rest).toEqual(['c', 'd', '']);
});

test('a file that can\u2019t be opened is refused by the name of its key', () => {
  expect(() => openLogFile(join(folder, 'missing', 'server.log'))).toThrow(/^log\.file: .*missing/);
});

test('a reopen that fails keeps the file that was open', () => {
  const path = join(folder, 'server.log');
  const file = openLogFile(path);
  renameSync(folder, `${folder}-moved`);
  try {
    expect(() => file.reopen()).toThrow(/log\.file/);
    file.write('still\n');
    expect(readFileSync(join(`${folder}-moved`, 'server.log'), 'utf8')).toBe('still\n');
  } finally {
    renameSync(`${folder}-moved`, folder);
    file.close();
  }
});

function messages(path: string): unknown[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).msg);
}
