/**
 * A runtime that forgets something: PROGRAM, but for what is taken from the specification before a container is made.
 * `node weak-runtime.ts CHOICE PROGRAM ARGUMENT…`; CHOICE is a file with the name of a weakness, or nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import { WEAKNESSES, WITHOUT_APPARMOR } from './weaknesses.ts';

const [choice = '', program = '', ...args] = process.argv.slice(2);
const name = readFileSync(choice, 'utf8');
const bundle = args[args.indexOf('--bundle') + 1];
if (args.includes('create') && name !== '' && bundle !== undefined) {
  const weakness = [...WEAKNESSES, WITHOUT_APPARMOR].find((one) => one.name === name);
  if (weakness === undefined) throw new Error(`there is no weakness "${name}"`);
  const file = join(bundle, 'config.json');
  const spec: RuntimeSpec = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify(weakness.weaken(spec)));
}
// In the place of this process: its descriptors are those that conmon gave.
process.execve?.(program, [program, ...args]);
