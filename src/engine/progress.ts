/** Longer ones are cut. */
const MAX_MESSAGE_CHARS = 1000;

/** The latest progress messages of an attempt; cosmetic, so old ones give way and nothing of it is stored. */
export class Progress {
  readonly #capacity: number;
  #messages: ProgressMessage[] = [];
  #count = 0;

  constructor(capacity = 256) {
    this.#capacity = capacity;
  }

  add(message: string, at: number): void {
    this.#count += 1;
    this.#messages.push({ number: this.#count, message: message.slice(0, MAX_MESSAGE_CHARS), at });
    if (this.#messages.length > this.#capacity) this.#messages.shift();
  }

  /** Messages after the given number; the first one is number 1. */
  after(number: number): readonly ProgressMessage[] {
    return number >= this.#count ? [] : this.#messages.filter((message) => message.number > number);
  }
}

export interface ProgressMessage {
  readonly number: number;
  readonly message: string;
  readonly at: number;
}
