import type { ShapeName } from './shapes.ts';

export const PHASES = [
  'create',
  'resolve',
  'pull',
  'unpack',
  'stage in',
  'start',
  'run',
  'exit',
  'stage out',
  'cancel',
  'clean up',
] as const;
export type Phase = (typeof PHASES)[number];

/** `warden` is the process that the operator started; `server` its child without privilege; `tree` a run of tree.pl. */
export type Victim =
  | 'warden'
  | 'server'
  | 'hand'
  | 'conmon'
  | 'drain'
  | 'runtime'
  | 'init'
  | 'skopeo'
  | 'umoci'
  | 'tree';

/** One kill: all of it comes from the seed. */
export interface Kill {
  readonly number: number;
  readonly phase: Phase;
  readonly victim: Victim;
  readonly shape: ShapeName;
  /** In phase `cancel`: where the cancel comes. */
  readonly cancelAt: Phase;
  /** Between the sight of the phase and the kill, so that it hits more than its first moment. Milliseconds. */
  readonly delayMs: number;
}

interface Scene {
  readonly victims: readonly Victim[];
  readonly shapes: readonly ShapeName[];
  /** About as long as the phase takes. */
  readonly delayMs: number;
}

const ALWAYS = ['warden', 'server', 'hand'] as const;
const ALL: readonly ShapeName[] = ['single', 'several', 'staged', 'failing', 'chatty'];

const SCENES: Readonly<Record<Phase, Scene>> = {
  create: { victims: ALWAYS, shapes: ALL, delayMs: 10 },
  resolve: { victims: [...ALWAYS, 'skopeo'], shapes: ['fresh'], delayMs: 20 },
  pull: { victims: [...ALWAYS, 'skopeo'], shapes: ['fresh'], delayMs: 20 },
  unpack: { victims: [...ALWAYS, 'umoci'], shapes: ['fresh'], delayMs: 20 },
  'stage in': { victims: [...ALWAYS, 'tree'], shapes: ['staged'], delayMs: 15 },
  start: { victims: [...ALWAYS, 'conmon', 'drain', 'runtime', 'init'], shapes: ALL, delayMs: 15 },
  run: { victims: [...ALWAYS, 'conmon', 'drain', 'init'], shapes: ALL, delayMs: 200 },
  exit: { victims: [...ALWAYS, 'conmon', 'drain'], shapes: ALL, delayMs: 4 },
  'stage out': { victims: [...ALWAYS, 'tree'], shapes: ['staged', 'several'], delayMs: 15 },
  cancel: {
    victims: [...ALWAYS, 'conmon', 'drain', 'runtime', 'init'],
    shapes: [...ALL, 'fresh'],
    delayMs: 15,
  },
  'clean up': { victims: ALWAYS, shapes: ALL, delayMs: 20 },
};

const CANCELS: Readonly<Record<'any' | 'fresh', readonly Phase[]>> = {
  any: ['create', 'start', 'run', 'exit'],
  fresh: ['resolve', 'pull', 'unpack', 'start', 'run'],
};

/** Every pair of phase and victim comes once before any comes again. Endless, the same for the same seed. */
export function* planKills(seed: number): Generator<Kill, never> {
  const random = randomFrom(seed);
  const pick = <Value>(values: readonly [Value, ...Value[]] | readonly Value[]): Value => {
    const value = values[Math.floor(random() * values.length)];
    if (value === undefined) throw new RangeError('nothing to pick from');
    return value;
  };
  for (let number = 1; ;) {
    const deck = PHASES.flatMap((phase) => SCENES[phase].victims.map((victim) => ({ phase, victim })));
    while (deck.length > 0) {
      const [card] = deck.splice(Math.floor(random() * deck.length), 1);
      if (card === undefined) break;
      const { shapes, delayMs } = SCENES[card.phase];
      const shape = pick(shapes);
      const cancelAt = pick(shape === 'fresh' ? CANCELS.fresh : CANCELS.any);
      yield { number, ...card, shape, cancelAt, delayMs: Math.floor(random() * delayMs) };
      number += 1;
    }
  }
}

/** mulberry32: small, and the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
