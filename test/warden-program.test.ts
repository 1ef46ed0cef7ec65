import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { startServer } from './fixtures/server.ts';

/** Loads a module of ours in a Node of its own, and tells the packages of others that came with it. */
async function packagesOf(module: string): Promise<string[]> {
  const program = `
    import { registerHooks } from 'node:module';
    const packages = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const found = next(specifier, context);
        const [, name] = /\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(found.url) ?? [];
        if (name !== undefined) packages.add(name);
        return found;
      },
    });
    await import(process.argv[1]);
    process.stdout.write(JSON.stringify([...packages]));
  `;
  const url = new URL(module, import.meta.url).href;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program, url],
    { encoding: 'utf8' },
  );
  const packages: string[] = JSON.parse(stdout);
  return packages;
}

describe('the program with privilege', () => {
  test('loads no code of others', async () => {
    expect(await packagesOf('../src/compose/main.ts')).toEqual([]);
    // What tells of packages does where there are some.
    expect(await packagesOf('../src/http/server.ts')).toContain('fastify');
  });

  test('is the process that was started, and tells nobody the configuration that it was given', async () => {
    const server = await startServer();
    try {
      const [, ...words] = (await readFile(`/proc/${server.pid}/cmdline`, 'utf8')).split('\0');
      expect(words.find((word) => word.endsWith('warden-process.ts'))).toBeDefined();
      const children = await readFile(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8');
      const environments = children
        .trim()
        .split(' ')
        .map((pid) => readFile(`/proc/${pid}/environ`, 'utf8'));
      expect(environments.length).toBeGreaterThanOrEqual(2);
      for (const environment of await Promise.all(environments))
        expect(environment).not.toContain('BULKHEAD_');
    } finally {
      await server.stop();
    }
  });
});
