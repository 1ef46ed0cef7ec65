import type { LeaseTerms, Store } from '../store/store.ts';
import type { Interrupt } from './interrupt.ts';
import type { EngineLogger } from './logger.ts';
import { persist } from './persistence.ts';
import type { Patience } from './persistence.ts';

export interface LeasesOptions extends LeaseTerms {
  readonly store: Pick<Store, 'renew'>;
  readonly logger: EngineLogger;
  readonly patience: Patience;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds on a clock that nobody sets. */
  readonly uptime: () => number;
}

/** One instant on both clocks. */
export interface Moment {
  readonly now: number;
  readonly uptime: number;
}

interface Held {
  readonly interrupt: Interrupt;
  /** When the store was last asked for it, before it answered. */
  since: Moment;
  isEnding: boolean;
}

/**
 * The leases that this engine has, and whether it can be sure of them. It acts on an attempt only in the first two
 * thirds of a lease, so that what it has begun is over before anybody may take the task over; after that, as when the
 * process was stopped or a clock jumped, it asks the store first.
 */
export class Leases {
  readonly terms: LeaseTerms;
  readonly #options: LeasesOptions;
  readonly #held = new Map<number, Held>();

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.terms = { holder: options.holder, leaseMs: options.leaseMs };
  }

  /** To be taken before the store is asked for a lease: it begins no earlier. */
  moment(): Moment {
    return { now: this.#options.now(), uptime: this.#options.uptime() };
  }

  hold(token: number, since: Moment, interrupt: Interrupt): void {
    this.#held.set(token, { interrupt, since, isEnding: false });
  }

  drop(token: number): void {
    this.#held.delete(token);
  }

  /** The write that ends the lease is under way: that it is gone says nothing from now on. */
  ending(token: number): void {
    const held = this.#held.get(token);
    if (held !== undefined) held.isEnding = true;
  }

  /** Resolves when the attempt is this engine's for a while; at once where that is known. Throws `canceled` where it isn't. */
  async confirm(token: number): Promise<void> {
    const held = this.#held.get(token);
    if (held === undefined || held.isEnding || this.#isSure(held)) return;
    const { logger, patience } = this.#options;
    await persist(async () => await this.renew(), {
      patience,
      passes: () => !held.isEnding,
      signal: held.interrupt.withdrawn,
      onFailure: (error) =>
        logger.warn(
          { err: error, token },
          'a lease could not be renewed, nothing is done without it; trying again',
        ),
    });
    held.interrupt.checkWithdrawn();
  }

  /** All of them, in one call; whoever has lost its lease is told, and so is whoever was canceled elsewhere. */
  async renew(): Promise<void> {
    const tokens = [...this.#held.keys()];
    if (tokens.length === 0) return;
    const since = this.moment();
    const renewed = await this.#options.store.renew({ tokens, leaseMs: this.terms.leaseMs });
    const states = new Map(renewed.map(({ token, state }) => [token, state]));
    for (const token of tokens) {
      const held = this.#held.get(token);
      if (held === undefined) continue;
      const state = states.get(token);
      if (state !== undefined) held.since = since;
      if (state === 'CANCELING') held.interrupt.raise('canceled');
      if (state === undefined && !held.isEnding) held.interrupt.raise('fenced');
    }
  }

  #isSure({ since }: Held): boolean {
    const { now, uptime } = this.moment();
    const sureMs = (this.terms.leaseMs * 2) / 3;
    return now - since.now < sureMs && uptime - since.uptime < sureMs;
  }
}
