import type { Command } from 'commander';
import { configOf, examples, originsOf, withConfig } from '../context.ts';
import type { ConfigOptions, Context } from '../context.ts';

interface Options extends ConfigOptions {
  readonly host?: string;
  readonly port?: string;
  readonly data?: string;
  readonly logLevel?: string;
}

/** `bulkhead serve`. */
export function addServe(program: Command, context: Context): void {
  withConfig(
    program
      .command('serve')
      .summary('run the server')
      .description(
        'Runs the server until SIGTERM or SIGINT. With no configuration at all it listens on 127.0.0.1:8710.',
      )
      .option('--host <address>', 'server.host')
      .option('--port <number>', 'server.port')
      .option('--data <folder>', 'data')
      .option('--log-level <level>', 'log.level'),
  )
    .addHelpText(
      'after',
      examples(
        'bulkhead serve',
        'bulkhead serve --config /etc/bulkhead.yaml',
        'bulkhead serve --port 8711 --set limits.retention=7d',
      ),
    )
    .action(async (options: Options) => {
      const named = {
        'server.host': options.host,
        'server.port': options.port,
        data: options.data,
        'log.level': options.logLevel,
      };
      const given = Object.entries(named).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      );
      const flags = Object.fromEntries(given);
      const config = await configOf(context, options, flags);
      context.endWith(await context.serve(config, originsOf(options, flags)));
    });
}
