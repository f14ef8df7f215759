import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressBook } from './address-book.ts';

test('a holder keeps its address, and one that comes back gets the one it had where it is free', () => {
  const book = new AddressBook(['a', 'b', 'c']);
  assert.equal(book.take('one', ['c']), 'c');
  assert.equal(book.take('one', ['a']), 'c');
  assert.equal(book.take('two', ['c', 'b']), 'b');
  assert.equal(book.take('three', ['z']), 'a');
  assert.equal(book.take('four'), undefined);
  book.release('two');
  assert.equal(book.take('four'), 'b');
});
