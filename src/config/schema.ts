import { Type } from 'typebox';
import type { Static } from 'typebox';
import type { SchemaNode } from './key-path.ts';
import { authSection } from './sections/auth.ts';
import { backendSection } from './sections/backend.ts';
import { imagesSection } from './sections/images.ts';
import { limitsSection } from './sections/limits.ts';
import { policySection } from './sections/policy.ts';
import { logSection, serverSection } from './sections/server.ts';
import { storageSection } from './sections/storage.ts';
import { telemetrySection } from './sections/telemetry.ts';
import { path } from './vocabulary.ts';

/** Every key that an operator can set: the one place where keys, defaults, limits and descriptions are written. */
const configSchema = Type.Object(
  {
    server: serverSection,
    data: path(
      'Folder for the database, work files and images, made where it is missing.',
      './bulkhead-data',
    ),
    auth: authSection,
    backend: backendSection,
    images: imagesSection,
    storage: storageSection,
    policy: policySection,
    limits: limitsSection,
    log: logSection,
    telemetry: telemetrySection,
  },
  {
    title: 'Bulkhead configuration',
    description: 'One YAML file; every key is also an environment variable.',
    additionalProperties: false,
  },
);

/** The same as the loader walks it. */
export const configTree: SchemaNode = configSchema;

/**
 * The configuration as the program reads it, with the names that the operator writes: durations are milliseconds,
 * sizes are bytes, paths are absolute, every default is filled in.
 */
export type Config = DeepReadonly<Static<typeof configSchema>>;

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;
