/** The longest that a timer of Node can wait: more would fire at once. Milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The end of an attempt's wall time. */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;
  #expired = false;

  get expired(): boolean {
    return this.#expired;
  }

  /** Calls back once when the time has come; null is never. */
  arm(remainingMs: number | null, onExpiry: () => void): void {
    if (remainingMs === null) return;
    const stepMs = Math.max(0, Math.min(remainingMs, MAX_TIMER_MS));
    this.#timer = setTimeout(() => {
      if (remainingMs > stepMs) {
        this.arm(remainingMs - stepMs, onExpiry);
        return;
      }
      this.#expired = true;
      onExpiry();
    }, stepMs);
  }

  disarm(): void {
    clearTimeout(this.#timer);
  }
}
