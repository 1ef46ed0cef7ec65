/**
 * Gives back what only the start needed: text of modules, what compiled them, room between what is left. The collector
 * would do so under pressure, which an idle process never has. Stands still for it, some 50 ms, so is called before
 * anybody waits. Does nothing where Node wasn't started with `--expose-gc`.
 */
export function releaseStartMemory(): void {
  globalThis.gc?.({ type: 'major', flavor: 'last-resort', execution: 'sync' });
}
