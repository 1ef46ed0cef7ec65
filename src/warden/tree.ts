import type { BulkheadError } from '../errors.ts';
import type { ConfinedTrees } from './confined-tree.ts';
import { feed } from './tree/feeding.ts';
import { type OpenTree, startTree } from './tree/process.ts';
import { entriesOf } from './tree/reading.ts';
import { collect, listed, outcome, written } from './tree/results.ts';

/** Confined trees by src/warden/tree.pl: a process for each call. `open` runs it, by default as a child of this process. */
export function createConfinedTrees(open: OpenTree = startTree): ConfinedTrees {
  return {
    async *read(source, wanted, { signal, onMessage }) {
      const from = { ...source, withContents: true };
      const process = await open({ mode: 'read', from, wanted: [wanted], places: [] }, signal);
      yield* entriesOf(process, onMessage);
    },
    async list(source, wanted, signal) {
      if (wanted.length === 0) return [];
      const from = { ...source, withContents: false };
      const process = await open({ mode: 'read', from, wanted, places: [] }, signal);
      return collect(process, wanted.length, listed);
    },
    async write(target, deliveries, signal) {
      if (deliveries.length === 0) return [];
      const places = deliveries.map(({ to }) => to);
      const process = await open({ mode: 'write', to: target, wanted: [], places }, signal);
      const failures = new Map<number, BulkheadError>();
      const fed = feed(process, deliveries, failures);
      const outcomes = await collect(process, deliveries.length, written);
      await fed;
      return outcomes.map(({ entries, ...rest }, id) => outcome(entries, rest, failures.get(id)));
    },
    async copy(source, target, moves, signal) {
      if (moves.length === 0) return [];
      const from = { ...source, withContents: true };
      const wanted = moves.map((move) => move.from);
      const places = moves.map(({ to }) => to);
      const process = await open({ mode: 'copy', from, to: target, wanted, places }, signal);
      const outcomes = await collect(process, moves.length, written);
      return outcomes.map(({ entries, ...rest }) => outcome(entries, rest));
    },
  };
}
