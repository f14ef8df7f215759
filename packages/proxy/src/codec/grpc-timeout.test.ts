import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGrpcType } from './grpc-timeout.ts';

test('the content types of gRPC are told from those that begin alike', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8']) {
    assert.ok(isGrpcType(type), type);
  }
  for (const type of ['application/grpc-web', 'application/grpcx', 'application/grp', 'text/plain', '']) {
    assert.ok(!isGrpcType(type), type);
  }
  assert.ok(!isGrpcType(undefined));
});
