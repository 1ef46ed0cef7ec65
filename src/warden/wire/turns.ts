/**
 * Who changes something of an attempt does it alone. Each request looks first whether it may, and acts later: two at once
 * could act on what the other one has just taken away, such as a container that appears on the disk of an attempt that was
 * closed meanwhile, and whose slot is another's by now.
 */
export interface Turns {
  /** After all that was asked of this attempt before, and before all that is asked later. */
  of<T>(attempt: string, work: () => Promise<T>): Promise<T>;
  /** While nothing else has its turn. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  /** By attempt, the end of what was asked last. */
  const last = new Map<string, Promise<void>>();
  let aloneBefore: Promise<void> = Promise.resolve();

  return {
    async of(attempt, work) {
      const before = last.get(attempt) ?? aloneBefore;
      const result = before.then(work);
      const end = ended(result);
      last.set(attempt, end);
      try {
        return await result;
      } finally {
        if (last.get(attempt) === end) last.delete(attempt);
      }
    },
    async alone(work) {
      const result = Promise.all([aloneBefore, ...last.values()]).then(work);
      aloneBefore = ended(result);
      last.clear();
      return await result;
    },
  };
}

async function ended(work: Promise<unknown>): Promise<void> {
  await work.catch(() => {});
}
