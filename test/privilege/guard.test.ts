/** What is asked for files of an open attempt, and below the folders of the site: by tables, each beside what is allowed. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AttemptState, demandLinks, demandTreeRequest, type SiteRoot } from '../../src/warden/guard.ts';
import { openSeals } from '../../src/warden/seals.ts';
import type { TreeRequest } from '../../src/warden/tree/request.ts';
import { attemptOf } from './served-warden.ts';

const OUTPUT = { kind: 'file', path: '/work/out' } as const;
const OTHER = { kind: 'file', path: '/work/other' } as const;
const SITE: readonly SiteRoot[] = [
  { path: '/data' },
  { path: '/drop', write: true },
  { path: '/owned', write: true, owner: 'lab' },
];
const ID_BASE = 2_000_000;
const OWN = { uid: ID_BASE, gid: ID_BASE + 65_535 };

function attempt(state: Partial<AttemptState> = {}): AttemptState {
  const sealed = { ...attemptOf('victim-1'), outputs: [OUTPUT] };
  const place = { workspace: '/run/ws', idBase: ID_BASE, idCount: 65_536 };
  return { sealed, ...place, hasBegun: false, isAlive: false, ...state };
}

const read = (
  from: Partial<NonNullable<TreeRequest['from']>>,
  wanted: TreeRequest['wanted'] = [OUTPUT],
): TreeRequest => ({
  mode: 'read',
  from: { root: '/run/ws', as: OWN, withContents: true, ...from },
  wanted,
  places: [],
});
const write = (to: Partial<NonNullable<TreeRequest['to']>>): TreeRequest => ({
  mode: 'write',
  to: { root: '/run/ws', as: OWN, bits: 'keep', isDurable: false, links: 'any', ...to },
  wanted: [],
  places: ['/work/in'],
});
const site = { root: '/data', as: 'target' } as const;
const drop = { root: '/drop', as: 'parent', links: 'owner' } as const;
const owned = { root: '/owned', as: { name: 'lab' }, writesAll: true, links: 'owner' } as const;

describe('a tree of files', () => {
  it.each<[string, TreeRequest, Partial<AttemptState>, readonly string[]]>([
    ['an output of an attempt that is dead', read({}), { hasBegun: true }, ['victim-1']],
    ['files of the site, as their owners', read(site, [OTHER]), {}, []],
    ['into an attempt that hasn’t begun', write({}), {}, ['victim-1']],
    ['where the site lets tasks write', write(drop), {}, []],
    ['where it does so as a user of its own', write(owned), {}, []],
    [
      'from the site into an attempt',
      { ...read(site), ...write({}), mode: 'copy', wanted: [OTHER] },
      {},
      ['victim-1'],
    ],
    [
      'from an attempt to the site',
      { ...read({}), ...write(drop), mode: 'copy', wanted: [OUTPUT] },
      {},
      ['victim-1'],
    ],
  ])('%s is given', (_, request, state, touched) => {
    expect(demandTreeRequest(request, SITE, [attempt(state)])).toEqual(touched);
  });

  it.each<[string, TreeRequest, Partial<AttemptState>, string]>([
    ['of an attempt that runs', read({}), { isAlive: true }, 'still runs'],
    ['that is no output', read({}, [OTHER]), {}, 'no output'],
    ['that is an output and another thing', read({}, [OUTPUT, OTHER]), {}, 'no output'],
    [
      'that is named as an output, but as a folder',
      read({}, [{ ...OUTPUT, kind: 'directory' }]),
      {},
      'no output',
    ],
    ['that is an output with a prefix', read({}, [{ ...OUTPUT, prefix: '/' }]), {}, 'no output'],
    ['read as root', read({ as: { uid: 0, gid: 0 } }), {}, 'its own user only'],
    ['read as root’s group', read({ as: { uid: ID_BASE, gid: 0 } }), {}, 'its own user only'],
    [
      'read as the task beside it',
      read({ as: { uid: ID_BASE + 65_536, gid: ID_BASE } }),
      {},
      'its own user only',
    ],
    ['read as a user by name', read({ as: { name: 'root' } }), {}, 'its own user only'],
    ['read as the owners of what is there', read({ as: 'target' }), {}, 'its own user only'],
    ['put into one that has begun', write({}), { hasBegun: true }, 'has begun'],
    ['put into one as root', write({ as: { uid: 0, gid: 0 } }), {}, 'its own user only'],
    ['beside an attempt', read({ root: '/run/ws/..' }), {}, 'neither'],
    ['within an attempt', read({ root: '/run/ws/work' }), {}, 'neither'],
    ['of the host', read({ root: '/etc', as: 'target' }), {}, 'neither'],
    ['written to the host', write({ root: '/etc', as: 'parent' }), {}, 'neither'],
    ['of the site, as root', read({ ...site, as: { uid: 0, gid: 0 } }), {}, 'as the owners'],
    ['of the site, whatever its bits', read({ ...site, readsAll: true }), {}, 'as the owners'],
    ['above a folder of the site', read({ ...site, root: '/' }), {}, 'neither'],
    ['below a folder of the site', read({ ...site, root: '/data/sub' }), {}, 'neither'],
    ['written where tasks only read', write({ ...drop, root: '/data' }), {}, 'read only'],
    [
      'written as another than the site says',
      write({ ...drop, as: { name: 'root' } }),
      {},
      'as its configuration',
    ],
    ['written whatever the bits', write({ ...drop, writesAll: true }), {}, 'as its configuration'],
    ['written through links of anybody', write({ ...drop, links: 'any' }), {}, 'as its configuration'],
    [
      'written as the folder’s owner where another is named',
      write({ ...owned, as: 'parent' }),
      {},
      'as its configuration',
    ],
    ['without a source', { ...read({}), mode: 'copy' }, {}, 'sides'],
    ['with a source that isn’t asked for', { ...read({}), ...write({}), mode: 'write' }, {}, 'sides'],
    [
      'that are more than their places',
      { ...read(site), ...write({}), mode: 'copy', wanted: [OTHER, OUTPUT] },
      {},
      'sides',
    ],
  ])('%s is refused', (_, request, state, why) => {
    expect(() => demandTreeRequest(request, SITE, [attempt(state)])).toThrow(
      expect.objectContaining({ code: 'forbidden', message: expect.stringContaining(why) }),
    );
  });
});

describe('an input without a copy', () => {
  const link = { relative: 'a', path: '/work/a', mode: 0o644, sizeBytes: 1, modifiedAt: 0 };

  it.each(['/', '/etc', '/data/sub', '/data/', '/run/ws'])('from %s is refused', (root) => {
    expect(() => demandLinks([{ ...link, root }], SITE)).toThrow(
      expect.objectContaining({ code: 'forbidden' }),
    );
  });

  it('from a folder of the site is taken', () => {
    demandLinks([{ ...link, root: '/data' }], SITE);
  });
});

describe('what an attempt was sealed as', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-seals-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is known to the next warden, and told as it was', () => {
    openSeals(folder, 0).add(attemptOf('one-1', 3));
    expect(openSeals(folder, 0).of('one-1')).toEqual(attemptOf('one-1', 3));
    expect(statSync(join(folder, 'one-1', 'sealed.json')).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['opened a second time', 'one-1', 4],
    ['given the slot of another', 'two-1', 3],
  ])('is refused where it is %s', (_, name, slot) => {
    const seals = openSeals(folder, 0);
    seals.add(attemptOf('one-1', 3));
    expect(() => seals.add(attemptOf(name, slot))).toThrow(expect.objectContaining({ code: 'conflict' }));
    expect(seals.all()).toEqual([attemptOf('one-1', 3)]);
  });

  it('keeps its name after its end, until it is forgotten', () => {
    const seals = openSeals(folder, 0);
    seals.add(attemptOf('one-1'));
    expect(() => seals.forget('one-1')).toThrow(expect.objectContaining({ code: 'conflict' }));
    seals.remove('one-1');
    expect(() => seals.of('one-1')).toThrow(expect.objectContaining({ code: 'not-found' }));
    expect(() => seals.add(attemptOf('one-1'))).toThrow(expect.objectContaining({ code: 'conflict' }));
    seals.forget('one-1');
    seals.add(attemptOf('one-1'));
    expect(seals.has('one-1')).toBe(true);
  });

  it('is nothing where a crash cut it short', () => {
    mkdirSync(join(folder, 'half-1'));
    writeFileSync(join(folder, 'half-1', 'sealed.json'), JSON.stringify(attemptOf('half-1')).slice(0, -10));
    expect(openSeals(folder, 0).all()).toEqual([]);
    expect(existsSync(join(folder, 'half-1'))).toBe(true);
  });
});
