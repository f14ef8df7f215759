import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { formatTime } from './format-time.ts';

const codes = 'Y C y m B b h d e j A a w u H k I l p M S F D x T X R r c Z z s n t %'.split(' ');

test('times are formatted as by date(1)', () => {
  const instants = [
    '1999-12-31T23:59:59',
    '2024-02-29T00:00:00',
    '2026-01-04T12:30:05',
    '2026-03-09T13:05:00',
  ];
  for (const instant of instants) {
    const format = codes.map((code) => `${code}=%${code}`).join('|');
    const { stdout } = spawnSync('date', ['-u', '-d', `${instant}Z`, `+${format}`], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    assert.equal(formatTime(Date.parse(`${instant}Z`), format), stdout.slice(0, -1));
  }
});

test('fractions of a second have as many digits as are asked for, and what is no conversion stays', () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  assert.equal(formatTime(at, '%S.%3f %6f %f %1f'), '05.006 006000 006000000 0');
  assert.equal(formatTime(at, '%Q %O 100%'), '%Q %O 100%');
});
