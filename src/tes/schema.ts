/**
 * JSON schemas that know the type of what they describe: what is read, what is answered and what is documented, from one
 * place. A few functions of our own, since each server holds all that it loads: TypeBox, which the configuration is read
 * with before a server is there, would be 10 MiB of it.
 */
export const Type = {
  /** Of its properties, those that aren't optional are required. */
  Object<P extends Properties>(properties: P, options: Keywords = {}): ObjectSchema<P> {
    const required = Object.keys(properties).filter((name) => properties[name]?.[OPTIONAL] !== true);
    return { type: 'object', ...(required.length > 0 ? { required } : {}), ...options, properties };
  },
  Array: <S extends Schema>(items: S, options: Keywords = {}): Schema<Static<S>[]> => ({
    type: 'array',
    items,
    ...options,
  }),
  /** `options` may say of which type the values are, as OpenAPI wants it. */
  Enum: <const V>(values: readonly V[], options: Keywords = {}): Schema<V> => ({ enum: values, ...options }),
  String: (options: Keywords = {}): Schema<string> => ({ type: 'string', ...options }),
  Number: (options: Keywords = {}): Schema<number> => ({ type: 'number', ...options }),
  Integer: (options: Keywords = {}): Schema<number> => ({ type: 'integer', ...options }),
  Boolean: (options: Keywords = {}): Schema<boolean> => ({ type: 'boolean', ...options }),
  Optional: <S extends Schema>(schema: S): S & Optional => ({ ...schema, [OPTIONAL]: true }),
  /** A schema of which only the author knows the type. */
  Unsafe: <T>(keywords: Keywords): Schema<T> => keywords,
};

/** A symbol is in no JSON. */
const OPTIONAL = Symbol('optional');
declare const DESCRIBED: unique symbol;

/** The part of JSON Schema that is used, and what else OpenAPI takes. */
export interface Keywords {
  readonly $id?: string;
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly items?: Keywords;
  readonly properties?: Readonly<Record<string, Keywords>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Keywords | boolean;
  /** OpenAPI's: null is allowed too. */
  readonly nullable?: boolean;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly readOnly?: boolean;
  readonly description?: string;
}

export interface Schema<T = unknown> extends Keywords {
  /** Never there: it carries the type. */
  readonly [DESCRIBED]?: T;
  readonly [OPTIONAL]?: true;
}

export interface ObjectSchema<P extends Properties> extends Schema<ObjectOf<P>> {
  readonly properties: P;
}

type Properties = Readonly<Record<string, Schema>>;
export interface Optional {
  readonly [OPTIONAL]: true;
}

/** The type of what a schema describes. */
export type Static<S extends Schema> = S extends Schema<infer T> ? T : never;

type ObjectOf<P extends Properties> = Flat<
  { -readonly [K in keyof P as P[K] extends Optional ? never : K]: Static<P[K]> } & {
    -readonly [K in keyof P as P[K] extends Optional ? K : never]?: Static<P[K]>;
  }
>;
type Flat<T> = { [K in keyof T]: T[K] };
