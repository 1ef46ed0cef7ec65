import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import packageFile from '../package.json' with { type: 'json' };
import { checkBoundaries } from '../scripts/boundaries/check.ts';
import { forbiddenImports } from '../scripts/boundaries/rules.ts';

/** A tree in which each room has a module, and whose imports are all legal. */
const LEGAL: Readonly<Record<string, string>> = {
  'src/errors.ts': 'export const errors = 1;',
  'src/printable.ts': 'export const printable = 1;',
  'src/tes/task.ts': "import { errors } from '../errors.ts'; export type Task = typeof errors;",
  'src/sandbox/sandbox.ts': "import type { Task } from '../tes/task.ts'; export type Sandbox = Task;",
  'src/policy/admission.ts':
    "import { createHash } from 'node:crypto'; import type { Sandbox } from '../sandbox/sandbox.ts'; export const admit = (s: Sandbox) => [s, createHash];",
  'src/store/store.ts': "import type { Sandbox } from '../sandbox/sandbox.ts'; export type Store = Sandbox;",
  'src/backends/backend.ts': "import type { Store } from '../store/store.ts'; export type Backend = Store;",
  'src/engine/engine.ts': "import type { Store } from '../store/store.ts'; export type Engine = Store;",
  'src/engine/runs.ts': "import type { Backend } from '../backends/backend.ts'; export type Runs = Backend;",
  'src/store/sqlite/store.ts':
    "import type { Store } from '../store.ts'; export const store = (s: Store) => s;",
  'src/backends/oci/backend.ts':
    "import type { Store } from '../../store/store.ts'; export type Oci = Store;",
  'src/backends/oci/compile.ts':
    "import type { Sandbox } from '../../sandbox/sandbox.ts'; export type Spec = Sandbox;",
  'src/warden/containers.ts':
    "import type { Spec } from '../backends/oci/compile.ts'; export type Container = Spec;",
  'src/backends/kubernetes/backend.ts':
    "import { readFileSync } from 'node:fs'; export const pods = readFileSync;",
  'src/http/server.ts': "import type { Engine } from '../engine/engine.ts'; export type Server = Engine;",
  'src/cli/program.ts': "import { Command } from 'commander'; export const program = Command;",
  'src/compose/main.ts': "import { store } from '../store/sqlite/store.ts'; export const main = store;",
  'src/compose/server.ts': 'export {};',
  'src/compose/main.test.ts': "import { main } from './main.ts'; export const test = main;",
  'test/poll.ts': 'export const until = 1;',
  'node_modules/commander/package.json': '{ "name": "commander", "version": "1.0.0", "main": "index.js" }',
  'node_modules/commander/index.js': 'exports.Command = 1;',
  'node_modules/left-pad/package.json': '{ "name": "left-pad", "version": "1.0.0", "main": "index.js" }',
  'node_modules/left-pad/index.js': 'module.exports = 1;',
  'package.json':
    '{ "name": "fixture", "type": "module", "dependencies": { "commander": "1", "left-pad": "1" } }',
};

/** One illegal import each, and the rule that must see it. */
const ILLEGAL = [
  ['room-printable', 'src/printable.ts', "import './errors.ts';"],
  ['room-errors', 'src/errors.ts', "import '../src/tes/task.ts';"],
  [
    'room-tes',
    'src/tes/bad.ts',
    "import type { Sandbox } from '../sandbox/sandbox.ts'; export type Bad = Sandbox;",
  ],
  ['room-sandbox', 'src/sandbox/bad.ts', "import '../policy/admission.ts';"],
  ['room-policy', 'src/policy/bad.ts', "import '../engine/runs.ts';"],
  ['room-ports', 'src/engine/engine.ts', "import './runs.ts';"],
  ['room-engine', 'src/engine/bad.ts', "import { store } from '../store/sqlite/store.ts'; export { store };"],
  ['room-http', 'src/http/bad.ts', "import '../store/sqlite/store.ts';"],
  ['room-cli', 'src/cli/bad.ts', "import '../backends/oci/backend.ts';"],
  ['room-config', 'src/config/bad.ts', "import '../store/sqlite/store.ts';"],
  ['room-compilers', 'src/backends/oci/compile.ts', "import './backend.ts';"],
  ['only-own-room', 'src/warden/bad.ts', "import '../backends/oci/backend.ts';"],
  ['only-own-room', 'src/storage/bad.ts', "import '../store/sqlite/store.ts';"],
  ['only-own-backend', 'src/backends/oci/bad.ts', "import '../kubernetes/backend.ts';"],
  ['pure-is-pure', 'src/policy/bad.ts', "import { readFileSync } from 'node:fs'; export { readFileSync };"],
  [
    'engine-knows-ports',
    'src/engine/bad.ts',
    "import { spawn } from 'node:child_process'; export { spawn };",
  ],
  ['not-main', 'src/http/bad.ts', "export const lazily = () => import('../compose/main.ts');"],
  ['not-programs', 'src/compose/bad.ts', "import './server.ts';"],
  ['not-tests', 'src/engine/bad.ts', "import '../../test/poll.ts';"],
  ['not-tests', 'src/engine/bad.ts', "import '../compose/main.test.ts';"],
  ['no-cycles', 'src/tes/bad.ts', "import './worse.ts';"],
  ['resolves', 'src/tes/bad.ts', "import './absent.ts';"],
  ['package-commander', 'src/http/bad.ts', "import { Command } from 'commander'; export { Command };"],
  ['package-without-owner', 'src/http/bad.ts', "import 'left-pad';"],
] as const;

describe('boundaries', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-boundaries-'));
    write(LEGAL);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  }

  it('lets every legal import pass, and sees imports of types', async () => {
    const modules = Object.keys(LEGAL).filter((name) => name.startsWith('src/'));
    const imports = modules.flatMap((name) => LEGAL[name]?.match(/\bimport /g) ?? []);
    expect(await checkBoundaries(folder)).toEqual({
      modules: modules.length,
      imports: imports.length,
      violations: [],
    });
  });

  it.each(ILLEGAL)('%s sees an illegal import in %s', async (rule, file, text) => {
    if (rule === 'no-cycles') write({ 'src/tes/worse.ts': "import './bad.ts';" });
    write({ [file]: text });
    const { violations } = await checkBoundaries(folder);
    expect(violations).toContainEqual(expect.objectContaining({ rule, from: file }));
  });

  it('knows an owner for each package that the program depends on, and for no other', () => {
    const owned = forbiddenImports().flatMap(
      ({ name }) => /^package-(?!without-owner)(.*)$/.exec(name ?? '')?.[1] ?? [],
    );
    expect(owned.toSorted()).toEqual(Object.keys(packageFile.dependencies).toSorted());
  });

  it('has an illegal import here for each of its rules but those of single packages', () => {
    const tried = new Set<string>(ILLEGAL.map(([rule]) => rule));
    const untried = forbiddenImports().filter(
      ({ name }) => !tried.has(name ?? '') && !name?.startsWith('package-'),
    );
    expect(untried).toEqual([]);
  });
});
