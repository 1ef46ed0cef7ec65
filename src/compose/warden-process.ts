import type { Config } from '../config/schema.ts';
import { tellFailure } from '../failure.ts';
import { serve } from './main.ts';
import type { ServeOrigins } from './policy-news.ts';
import { WARDEN_CONFIG, type WardenPlace } from './warden-start.ts';

/** The program that `bulkhead serve` becomes once it has read its configuration. */
try {
  // Written by the program that this one was.
  const { config, origins, place }: { config: Config; origins: ServeOrigins; place: WardenPlace } =
    JSON.parse(process.env[WARDEN_CONFIG] ?? '');
  delete process.env[WARDEN_CONFIG];
  process.exitCode = await serve(config, origins, place);
} catch (error) {
  process.exitCode = tellFailure(error);
}
