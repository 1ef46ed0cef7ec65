import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/load.ts';

const checkout = join(import.meta.dirname, '..');
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: checkout });

describe('the documents', () => {
  it.each(PAGES)('%s links to files that are there', (page) => {
    const text = readFileSync(join(checkout, page), 'utf8');
    const links = [...text.matchAll(/\]\((?<target>[^)#\s]+)[^)]*\)/g)].flatMap(
      (match) => match.groups?.['target'] ?? [],
    );
    const local = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(local.filter((link) => !existsSync(join(checkout, dirname(page), link)))).toEqual([]);
  });

  it('name only scripts that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
    const named = PAGES.flatMap((page) => [
      ...readFileSync(join(checkout, page), 'utf8').matchAll(/npm run (?<script>[\w:-]+)/g),
    ]).flatMap((match) => match.groups?.['script'] ?? []);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  it('show a configuration that the program takes', () => {
    const yaml = /```yaml\n(?<yaml>[^`]+)```/.exec(readFileSync(join(checkout, 'README.md'), 'utf8'))
      ?.groups?.['yaml'];
    const folder = mkdtempSync(join(tmpdir(), 'bulkhead-docs-'));
    try {
      writeFileSync(join(folder, 'bulkhead.yaml'), yaml ?? 'missing: true');
      const config = loadConfig({ file: join(folder, 'bulkhead.yaml'), env: {} });
      expect(config).toMatchObject({ auth: { mode: 'basic' }, policy: { ceilings: { ram_gb: 64 } } });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
