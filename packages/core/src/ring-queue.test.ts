import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RingQueue } from './ring-queue.ts';

test('behaves as an array with push and shift', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer(), { nil: 'shift' as const })), (operations) => {
      const queue = new RingQueue<number>();
      const model: number[] = [];
      for (const operation of operations) {
        if (operation === 'shift') assert.equal(queue.shift(), model.shift());
        else {
          queue.push(operation);
          model.push(operation);
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.peek(), model[0]);
      }
    }),
  );
});
