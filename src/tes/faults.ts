/** One thing that is wrong, and where: `field` is a JSON pointer. */
export interface Fault {
  readonly field: string;
  readonly problem: string;
}

/** More than these aren't kept: a body of megabytes could have as many faults as bytes. */
const MAX_KEPT = 100;

/** Collects everything that is wrong with a document. */
export class Faults {
  readonly kept: Fault[] = [];
  count = 0;

  /** Adds a problem at `step` below the JSON pointer `parent`; no problem is undefined and adds nothing. */
  add(parent: string, step: string | number, problem: string | undefined): void {
    if (problem !== undefined) this.addAt(pointerTo(parent, step), problem);
  }

  addAt(field: string, problem: string): void {
    this.count += 1;
    if (this.kept.length < MAX_KEPT) this.kept.push({ field, problem });
  }
}

/** Appends one step to a JSON pointer. Source: RFC 6901, section 3. */
export function pointerTo(parent: string, step: string | number): string {
  return `${parent}/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
