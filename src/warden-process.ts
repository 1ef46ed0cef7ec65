import type { Config } from './config/schema.ts';
import { tellFailure } from './failure.ts';
import { serve } from './main.ts';
import { WARDEN_CONFIG } from './warden-start.ts';

/** The program that `bulkhead serve` becomes once it has read its configuration. */
try {
  // Written by the program that this one was.
  const config: Config = JSON.parse(process.env[WARDEN_CONFIG] ?? '');
  delete process.env[WARDEN_CONFIG];
  process.exitCode = await serve(config);
} catch (error) {
  process.exitCode = tellFailure(error);
}
