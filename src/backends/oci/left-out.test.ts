import { expect, test } from 'vitest';
import { leftOut } from './left-out.ts';

const fifos = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `/d/${at}: is a FIFO; left out`);

test.each([
  [[], []],
  [fifos(1), ['input /in: 1 entry was left out: /d/0: is a FIFO']],
  [fifos(2), ['input /in: 2 entries were left out: /d/0: is a FIFO; /d/1: is a FIFO']],
  [
    fifos(7),
    [
      'input /in: 7 entries were left out: /d/0: is a FIFO; /d/1: is a FIFO; /d/2: is a FIFO; /d/3: is a FIFO; /d/4: is a FIFO; and 2 more',
    ],
  ],
])('%j is told as %j', (messages, told) => {
  expect(leftOut('input /in', messages)).toEqual(told);
});
