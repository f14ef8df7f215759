import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grpcWebType } from './grpc-web.ts';

test('the content types of gRPC-Web are known, and those that only begin so are not', () => {
  const binary = { text: false, suffix: '' };
  const proto = { text: false, suffix: '+proto' };
  for (const [type, expected] of [
    ['application/grpc-web', binary],
    ['application/grpc-web;charset=utf-8', binary],
    ['application/grpc-web+proto', proto],
    ['application/grpc-web+proto ; charset=utf-8', proto],
    ['application/grpc-web-text', { text: true, suffix: '' }],
    ['application/grpc-web-text+thrift', { text: true, suffix: '+thrift' }],
    ['application/grpc', undefined],
    ['application/grpc-webx', undefined],
    ['application/grpc-web-textual', undefined],
    ['application/grpc-web+', undefined],
    ['application/grpc-web+a b', undefined],
    [undefined, undefined],
  ] as const)
    assert.deepEqual(grpcWebType(type), expected, type ?? 'none');
});
