import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { addTaskCancel } from './task-cancel.ts';
import { addTaskCreate } from './task-create.ts';
import { addTaskGet } from './task-get.ts';
import { addTaskList } from './task-list.ts';
import { addTaskLogs } from './task-logs.ts';
import { addTaskWait } from './task-wait.ts';

/** `bulkhead task …`: one command for each thing that the API can do with tasks. */
export function addTask(program: Command, context: Context): void {
  const task = program
    .command('task')
    .summary('create, look at and end tasks')
    .description('Works with tasks of a server.');
  addTaskCreate(task, context);
  addTaskGet(task, context);
  addTaskList(task, context);
  addTaskLogs(task, context);
  addTaskWait(task, context);
  addTaskCancel(task, context);
}
