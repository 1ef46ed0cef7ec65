/**
 * What a value that came as JSON must be: answers the first thing that is wrong, after its place in the document, or
 * undefined. The warden's own, so that the process with privilege holds no third party's code; a library for it took 15 MiB.
 */
export type Shape = (value: unknown, at: string) => string | undefined;

/** An object of these members and no other. */
export function exactly(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  const shapes = new Map([...Object.entries(required), ...Object.entries(optional)]);
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at} must be an object`;
    const missing = Object.keys(required).find((name) => !Object.hasOwn(value, name));
    if (missing !== undefined) return `${at} must have ${missing}`;
    for (const [name, member] of Object.entries(value)) {
      const shape = shapes.get(name);
      if (shape === undefined) return `${at} must not have ${JSON.stringify(name.slice(0, 40))}`;
      const fault = shape(member, `${at}/${name}`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

/** Of so many items. */
export function listOf(
  item: Shape,
  { from = 0, to = Infinity }: { readonly from?: number; readonly to?: number } = {},
): Shape {
  return (value, at) => {
    if (!Array.isArray(value)) return `${at} must be a list`;
    if (value.length < from || value.length > to) return `${at} must have ${from} to ${to} items`;
    for (const [index, each] of value.entries()) {
      const fault = item(each, `${at}/${index}`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

/** `patterns` must all be found in it, so that one which says all of it begins with `^` and ends with `$`. */
export function text(maxLength: number, ...patterns: readonly RegExp[]): Shape {
  return (value, at) => {
    if (typeof value !== 'string') return `${at} must be a string`;
    if (value.length > maxLength) return `${at} must have at most ${maxLength} characters`;
    const unmet = patterns.find((pattern) => !pattern.test(value));
    return unmet && `${at} must match ${unmet.source}`;
  };
}

export function integer(from: number, to: number): Shape {
  return (value, at) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to
      ? undefined
      : `${at} must be an integer from ${from} to ${to}`;
}

/** More than `above`. */
export function number(above: number, to: number): Shape {
  return (value, at) =>
    typeof value === 'number' && value > above && value <= to
      ? undefined
      : `${at} must be a number above ${above}, at most ${to}`;
}

export function flag(value: unknown, at: string): string | undefined {
  return typeof value === 'boolean' ? undefined : `${at} must be true or false`;
}

export function oneOf(...values: readonly (string | boolean | null)[]): Shape {
  return (value, at) =>
    values.some((one) => one === value) ? undefined : `${at} must be one of ${values.join(', ')}`;
}

export function either(first: Shape, second: Shape): Shape {
  return (value, at) => {
    const fault = first(value, at);
    return fault === undefined || second(value, at) === undefined ? undefined : fault;
  };
}
