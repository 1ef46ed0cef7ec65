import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

const PROGRAM = `
const [module, path] = process.argv.slice(1);
const { openSqliteStore } = await import(module);
const store = await openSqliteStore({ path });
await store.create({ id: 'a', owner: 'o', createdAt: 1, document: { executors: [] }, sandbox: {}, warnings: [] });
console.log(JSON.stringify(await store.counts()));
await store.close();
`;

test('the store works as the compiler emits it, where Node strips no types', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-built-'));
  try {
    compile(join(folder, 'tsconfig.json'));
    // As in a package: what is emitted are modules.
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const migrations = join('store', 'sqlite', 'migrations');
    cpSync(join(root, 'src', migrations), join(folder, migrations), { recursive: true });
    const module = pathToFileURL(join(folder, 'store', 'sqlite', 'sqlite.js')).href;
    const args = ['--no-experimental-strip-types', '--input-type=module', '-e', PROGRAM];
    const output = execFileSync(process.execPath, [...args, module, join(folder, 'store.db')], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(JSON.parse(output.toString())).toEqual({ QUEUED: 1 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** The project's own settings, for the store and its thread alone. */
function compile(configPath: string): void {
  const config = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: {
      outDir: dirname(configPath),
      rootDir: join(root, 'src'),
      typeRoots: [join(root, 'node_modules', '@types')],
    },
    files: ['sqlite.ts', 'thread.ts'].map((name) => join(root, 'src', 'store', 'sqlite', name)),
    include: [],
  };
  writeFileSync(configPath, JSON.stringify(config));
  execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', configPath], { stdio: 'inherit' });
}
