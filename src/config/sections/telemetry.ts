import { choice, section } from '../vocabulary.ts';

export const telemetrySection = section('What the server tells of itself.', {
  metrics: choice(
    'Who may read `GET /bulkhead/v1/metrics`: `operators` (`auth.operators`); `everybody` who reaches the server, without authentication; nobody (`off`).',
    ['operators', 'everybody', 'off'],
    'operators',
  ),
});
