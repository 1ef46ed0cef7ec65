/**
 * Writes docs/configuration.md from the configuration's schema. With `--check`, writes nothing and ends with 1
 * where the page isn't what would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configReference } from '../src/config/reference.ts';

const page = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

if (!process.argv.includes('--check')) {
  writeFileSync(page, configReference());
} else if (readFileSync(page, 'utf8') !== configReference()) {
  process.stderr.write('docs/configuration.md is out of date: run node scripts/config-reference.ts\n');
  process.exitCode = 1;
}
