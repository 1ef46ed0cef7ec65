import { BulkheadError } from '../../errors.ts';

/** Numbers for attempts that run at once; each stands for a disk and a range of host ids. */
export interface Slots {
  /** The preferred one where it is free. Throws `internal` where none is. */
  take(prefer: readonly number[]): number;
  /** One that an earlier process gave away. */
  claim(slot: number): void;
  free(slot: number): void;
}

export function createSlots(count: number): Slots {
  const taken = new Set<number>();
  return {
    take(prefer) {
      const slot =
        prefer.find((wanted) => wanted < count && !taken.has(wanted)) ??
        Array.from({ length: count }, (_, at) => at).find((at) => !taken.has(at));
      if (slot === undefined)
        throw new BulkheadError(
          'internal',
          `all ${count} slots are taken; the scheduler gave away more than there are`,
        );
      taken.add(slot);
      return slot;
    },
    claim: (slot) => void taken.add(slot),
    free: (slot) => void taken.delete(slot),
  };
}
