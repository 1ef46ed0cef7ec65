/** Inputs and outputs, as every backend moves them. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StageOutResult } from '../../src/backends/backend.ts';
import type { TesTaskDocument } from '../../src/tes/task.ts';
import { attemptOf, prepared } from './backend-samples.ts';
import type { BackendUnderTest } from './backend-samples.ts';

export function stagingContract(opened: () => BackendUnderTest): void {
  describe('staging', () => {
    let folder = '';
    let skip: string | undefined;
    beforeAll(async () => {
      const { files } = opened();
      if ('skip' in files) skip = files.skip;
      else folder = await mkdtemp(join(files.root, 'contract-'));
    });

    function url(name: string): string {
      return pathToFileURL(join(folder, name)).href;
    }

    test('an input is its content, or what its URL names', async (context) => {
      context.skip(skip !== undefined, skip);
      await writeFile(join(folder, 'input'), 'from a file\n');
      const inputs = [
        { path: '/in/content', content: 'from the task\n' },
        { path: '/in/file', url: url('input') },
      ];
      const { stdout } = await run(opened(), 'cat /in/content /in/file', { inputs });
      expect(stdout).toBe('from the task\nfrom a file\n');
    });

    test('an input is the task’s own: its source stays as it was', async (context) => {
      context.skip(skip !== undefined, skip);
      await writeFile(join(folder, 'source'), 'original\n');
      const { exitCode } = await run(opened(), 'echo changed > /in/file && rm /in/file', {
        inputs: [{ path: '/in/file', url: url('source') }],
      });
      expect(exitCode).toBe(0);
      expect(await readFile(join(folder, 'source'), 'utf8')).toBe('original\n');
    });

    test('outputs are delivered, also where the executor failed', async (context) => {
      context.skip(skip !== undefined, skip);
      const outputs = [{ path: '/out/result', url: url('result') }];
      const result = await run(opened(), 'echo made > /out/result; exit 5', { outputs });
      expect(result).toMatchObject({
        exitCode: 5,
        failures: [],
        outputs: [{ path: '/out/result', sizeBytes: 5 }],
      });
      expect(await readFile(join(folder, 'result'), 'utf8')).toBe('made\n');
    });

    test('an output that can’t be delivered is a failure that names it', async (context) => {
      context.skip(skip !== undefined, skip);
      await mkdir(join(folder, 'occupied'));
      const outputs = [{ path: '/out/result', url: url('occupied') }];
      const { failures } = await run(opened(), 'echo made > /out/result', { outputs });
      expect(failures).toEqual([expect.stringContaining('/out/result')]);
    });

    test('an input that doesn’t exist is refused before anything runs', async (context) => {
      context.skip(skip !== undefined, skip);
      const { backend, image } = opened();
      const attempt = attemptOf(image, [['true']], { inputs: [{ path: '/in/file', url: url('missing') }] });
      const signal = new AbortController().signal;
      const handle = await backend.prepare(attempt, () => undefined, signal);
      try {
        await expect(backend.stageIn(handle, attempt, signal)).rejects.toMatchObject({
          code: 'storage-not-found',
        });
      } finally {
        await backend.release(handle);
      }
    });
  });
}

/** Takes a shell script all the way from its inputs to its outputs. */
async function run(
  { backend, image }: BackendUnderTest,
  script: string,
  rest: Partial<TesTaskDocument>,
): Promise<StageOutResult & { stdout: string; exitCode: number }> {
  const attempt = attemptOf(image, [['sh', '-c', script]], rest);
  const handle = await prepared(backend, attempt);
  try {
    await backend.start(handle, attempt, 0);
    const { exitCode, stdout } = await backend.wait(handle, attempt, 0);
    return {
      stdout,
      exitCode,
      ...(await backend.stageOut(handle, attempt, new AbortController().signal)),
    };
  } finally {
    await backend.kill(handle, 'system-error');
    await backend.release(handle);
  }
}
