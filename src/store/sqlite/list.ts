import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { countQuery, drivenQuery, filtersOf, mergedQuery, type Filter, type Query } from './list-plan.ts';
import type { ListInput, ReadOperations } from './messages.ts';
import { prepareTaskRows } from './task-rows.ts';

/** A source with fewer tasks drives its page: so many look-ups take about 4 ms. */
const DRIVEN_BELOW = 5_000;

/** Statements that are kept ready; each is a few KB. */
const STATEMENT_LIMIT = 100;

/** The page's tasks, newest first, and where the next page begins. */
export function prepareList(database: DatabaseSync): (input: ListInput) => ReadOperations['list']['output'] {
  const statements = new Map<string, StatementSync>();
  const taskRows = prepareTaskRows(database);

  function all({ sql, parameters }: Query): Record<string, unknown>[] {
    let statement = statements.get(sql);
    if (statement === undefined) {
      if (statements.size >= STATEMENT_LIMIT) statements.clear();
      statement = database.prepare(sql);
      statements.set(sql, statement);
    }
    return statement.all(...parameters);
  }

  function count(filter: Filter, before: number): number {
    return Number(all(countQuery(filter, before, DRIVEN_BELOW))[0]?.['count']);
  }

  function plan(filters: readonly Filter[], before: number, limit: number): Query {
    const [only, ...more] = filters;
    const needsNoChoice = only === undefined || (more.length === 0 && only.isOrdered);
    if (needsNoChoice) return mergedQuery(filters, before, limit);
    const counted = filters.map((filter) => ({ filter, tasks: count(filter, before) }));
    const rarest = counted.reduce((a, b) => (b.tasks < a.tasks ? b : a));
    if (rarest.tasks >= DRIVEN_BELOW) return mergedQuery(filters, before, limit);
    const others = filters.filter((filter) => filter !== rarest.filter);
    return drivenQuery(rarest.filter, others, before, limit);
  }

  return (input) => {
    // One more than asked for says whether there is a next page.
    const query = plan(filtersOf(input), input.before, input.limit + 1);
    const found = all(query).map((row) => Number(row['sequence']));
    const tasks = taskRows(found.slice(0, input.limit), input.view);
    const last = tasks.at(-1);
    return last !== undefined && tasks.length < found.length
      ? { tasks, nextBefore: last.sequence }
      : { tasks };
  };
}
