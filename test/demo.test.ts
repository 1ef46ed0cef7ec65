import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

const checkout = join(import.meta.dirname, '..');
/** Kept between runs, so that the image is built once. */
const folder = join(checkout, '.tools', 'cache', 'demo');

describe('the demo', () => {
  it('takes reads to variants on the real server, shows what was enforced, and leaves nothing behind', async () => {
    const child = spawn(process.execPath, [join(checkout, 'scripts/demo.ts'), '--folder', folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    // The demo itself checks the results and what is left on the machine, and fails where either is wrong.
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect(output).toMatch(/lambda\.vcf: \d+ variants/);
    expect(output).toMatch(/grade +observed/);
    expect(output).toMatch(/network +none/);
    expect(output).toContain('no mount, no loop device, no control group, no process of the server');
  }, 180_000);
});
