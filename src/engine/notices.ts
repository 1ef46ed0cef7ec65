/** Tells those who follow a task that something about it changed; what it was they look up themselves. */
export class Notices {
  readonly #watches = new Map<string, Set<Watch>>();

  tell(taskId: string): void {
    for (const watch of this.#watches.get(taskId) ?? []) watch.mark();
  }

  watch(taskId: string): Watch {
    const watches = this.#watches.get(taskId) ?? new Set();
    this.#watches.set(taskId, watches);
    const watch = new Watch(() => {
      watches.delete(watch);
      if (watches.size === 0 && this.#watches.get(taskId) === watches) this.#watches.delete(taskId);
    });
    watches.add(watch);
    return watch;
  }
}

/** One follower's bell. However often it is rung while nobody listens, it is one bit: a slow follower costs no memory. */
export class Watch {
  readonly close: () => void;
  #changed = false;
  #ring: (() => void) | undefined;

  constructor(close: () => void) {
    this.close = close;
  }

  mark(): void {
    this.#changed = true;
    this.#ring?.();
  }

  /** True at the next change, at once where one came since the last call; false after the time, or where the signal aborts. */
  async changed(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#changed && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.#ring = wake;
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake);
      await promise;
      signal.removeEventListener('abort', wake);
      clearTimeout(timer);
      this.#ring = undefined;
    }
    const wasChanged = this.#changed;
    this.#changed = false;
    return wasChanged;
  }
}
