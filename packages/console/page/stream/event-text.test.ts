import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventText } from './event-text.ts';

test('events come whole however their text is cut', () => {
  const text = 'event: mesh\ndata: {"a":1}\n\n: still here\n\nevent: config\ndata: {}\n\n';
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const events = new EventText();
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      const found = places.slice(1).flatMap((end, i) => events.push(text.slice(places[i], end)));
      assert.deepEqual(found, [
        { name: 'mesh', data: '{"a":1}' },
        { name: 'config', data: '{}' },
      ]);
    }),
  );
});
