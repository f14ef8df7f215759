import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGrpc } from './grpc-timeout.ts';
import { HeaderBlock } from './header-block.ts';
import { names } from './header-name.ts';

function typed(...types: readonly string[]): HeaderBlock {
  const headers = new HeaderBlock();
  for (const type of types) headers.add(names.contentType, type);
  return headers;
}

test('the content types of gRPC are told from those that begin alike', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8']) {
    assert.ok(isGrpc(typed(type)), type);
  }
  for (const type of ['application/grpc-web', 'application/grpcx', 'application/grp', 'text/plain', '']) {
    assert.ok(!isGrpc(typed(type)), type);
  }
  assert.ok(!isGrpc(typed()));
});

test('several content types are one with a comma', () => {
  assert.ok(!isGrpc(typed('application/grpc', 'application/grpc')));
  assert.ok(isGrpc(typed('application/grpc+proto', 'text/plain')));
});
