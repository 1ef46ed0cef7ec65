import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { MAX_LINE_BYTES, relayLines } from './line-relay.ts';

async function relayed(pieces: readonly (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  await relayLines(Readable.from(pieces.map((piece) => Buffer.from(piece))), (line) => {
    lines.push(line.toString('utf8'));
  });
  return lines;
}

test('lines are passed on as they were, however they are cut', async () => {
  expect(await relayed(['one\ntw', '', 'o\n\nth', 'ree'])).toEqual(['one\n', 'two\n', '\n', 'three\n']);
});

test('a character that is cut between two pieces stays whole', async () => {
  const bytes = Buffer.from('größer\n');
  expect(await relayed([...bytes].map((byte) => Buffer.of(byte)))).toEqual(['größer\n']);
});

test('a line of many small pieces is passed on', async () => {
  const line = 'x'.repeat(5000);
  expect(await relayed(Array.from(`${line}\n`))).toEqual([`${line}\n`]);
});

test('a line that is too long is cut, and told to be; the next is whole', async () => {
  const [first, told, next] = await relayed(['x'.repeat(MAX_LINE_BYTES + 7), 'yy\nnext\n']);
  expect(first).toBe(`${'x'.repeat(MAX_LINE_BYTES)}\n`);
  expect(told).toContain(`cut after ${MAX_LINE_BYTES} bytes; 9 more were left out`);
  expect(next).toBe('next\n');
});

/** A process that reads 300 MiB without a line end, and says how much memory it took for it at the most. */
async function memoryFor(take: string): Promise<number> {
  const program = `${take}; process.stdout.write(String(process.resourceUsage().maxRSS));`;
  const reader = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: join(import.meta.dirname, '../..'),
  });
  const piece = Buffer.alloc(2 ** 20, 'x');
  reader.stdin.on('error', () => {});
  Readable.from(
    (function* () {
      for (let n = 0; n < 300; n += 1) yield piece;
    })(),
  ).pipe(reader.stdin);
  return 1024 * Number(await text(reader.stdout));
}

test('an endless line takes no more memory than a long one', async () => {
  const relay = `const { relayLines } = await import('./src/telemetry/line-relay.ts'); await relayLines(process.stdin, () => {})`;
  expect(await memoryFor(relay)).toBeLessThan(160 * 2 ** 20);
});

test('control: a reader of lines holds all of it', async () => {
  const readline = `const { createInterface } = await import('node:readline'); try { for await (const line of createInterface({ input: process.stdin })); } catch {}`;
  expect(await memoryFor(readline)).toBeGreaterThan(300 * 2 ** 20);
});
