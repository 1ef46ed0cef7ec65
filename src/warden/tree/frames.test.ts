import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { frame, FrameReader } from './frames.ts';

it('a stream that is cut, by its end or by a reset, ends after the last whole frame', async () => {
  for (const reset of [undefined, new Error('read ECONNRESET')]) {
    const whole = frame('W', [1, 'path']);
    const parts = [whole, whole.subarray(0, 7)];
    const source = new Readable({
      read() {
        const part = parts.shift();
        if (part === undefined && reset !== undefined) this.destroy(reset);
        else this.push(part ?? null);
      },
    });
    const reader = new FrameReader(source);
    expect((await reader.next())?.kind).toBe('W');
    expect(await reader.next()).toBeUndefined();
    expect(await reader.next()).toBeUndefined();
  }
});
