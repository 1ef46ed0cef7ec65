import { printable, printableLines } from '../printable.ts';
import type { TesExecutorLog, TesTask, TesTaskLog } from '../tes/task.ts';

/** Lines of an executor's output that are shown; `task logs` shows all. */
const OUTPUT_LINES = 20;

/** One task for people. Whatever a client or a task wrote in it does nothing to a terminal. */
export function taskView(task: TesTask): string {
  const lines = [
    row('id', task.id),
    row('state', task.state),
    row('name', task.name),
    row('description', task.description),
    row('created', task.creation_time),
    ...Object.entries(task.tags ?? {}).map(([key, value]) => row('tag', `${key}=${value}`)),
    row('resources', resourcesOf(task)),
    ...(task.executors ?? []).map((executor, index) =>
      row(`executor ${index}`, `${executor.image}: ${JSON.stringify(executor.command)}`),
    ),
    ...(task.inputs ?? []).map((input) => row('input', `${input.url ?? '(content)'} → ${input.path}`)),
    ...(task.outputs ?? []).map((output) => row('output', `${output.path} → ${output.url}`)),
    ...(task.logs ?? []).flatMap((attempt, index) => attemptLines(attempt, index + 1)),
  ];
  return lines.filter((line) => line !== '').join('');
}

function attemptLines(attempt: TesTaskLog, number: number): string[] {
  return [
    `\nattempt ${number}\n`,
    row('from', [attempt.start_time, attempt.end_time].filter((time) => time !== undefined).join(' to ')),
    ...attempt.logs.flatMap((log, index) => executorLines(log, index)),
    ...attempt.outputs.map((output) => row('wrote', `${output.url} (${output.size_bytes} bytes)`)),
    ...Object.entries(attempt.metadata ?? {}).map(([key, value]) => row(key, value)),
    ...(attempt.system_logs ?? []).map((line) => row('system log', line)),
  ];
}

function executorLines(log: TesExecutorLog, index: number): string[] {
  return [
    row(`executor ${index}`, `exit code ${log.exit_code}`),
    ...block('stdout', log.stdout),
    ...block('stderr', log.stderr),
  ];
}

function block(name: string, text: string | undefined): string[] {
  if (text === undefined || text === '') return [];
  const lines = text.replace(/\n$/, '').split('\n');
  const left = lines.length - OUTPUT_LINES;
  const shown = lines.slice(-OUTPUT_LINES).map((line) => `    ${printableLines(line)}\n`);
  return [`  ${name}${left > 0 ? ` (the last ${OUTPUT_LINES} of ${lines.length} lines)` : ''}\n`, ...shown];
}

function resourcesOf({ resources }: TesTask): string | undefined {
  if (resources === undefined) return undefined;
  const { cpu_cores: cpu, ram_gb: ram, disk_gb: disk } = resources;
  const parts = [
    cpu === undefined ? '' : `${cpu} cores`,
    ram === undefined ? '' : `${ram} GiB memory`,
    disk === undefined ? '' : `${disk} GiB disk`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function row(name: string, value: string | undefined): string {
  return value === undefined || value === '' ? '' : `${printable(name).padEnd(14)}  ${printable(value)}\n`;
}
