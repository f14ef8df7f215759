import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProtocol, portProtocol } from './port-protocol.ts';

test('the name of a port says its protocol up to the first dash', () => {
  const of = (name: string): string => portProtocol({ port: 9080, name });
  assert.equal(of('http'), 'http');
  assert.equal(of('http-web'), 'http');
  assert.equal(of('HTTP2-foo'), 'http2');
  assert.equal(of('http2foo'), 'auto');
  assert.equal(of('grpc-web'), 'grpc-web');
  assert.equal(of('grpc-web-x'), 'grpc-web');
  assert.equal(of('grpc-webby'), 'grpc');
  assert.equal(of('mongo-a'), 'mongo');
  assert.equal(of('web'), 'auto');
  assert.equal(of(''), 'auto');
});

test('appProtocol goes before the name, UDP before both', () => {
  assert.equal(portProtocol({ port: 1, name: 'tcp', appProtocol: 'http' }), 'http');
  assert.equal(portProtocol({ port: 1, name: 'tcp', appProtocol: 'kubernetes.io/h2c' }), 'http2');
  assert.equal(portProtocol({ port: 1, name: 'http', appProtocol: 'acme.com/x' }), 'auto');
  assert.equal(portProtocol({ port: 53, name: 'http', protocol: 'UDP' }), 'udp');
});

test('well-known ports of protocols in which the server speaks first are not sniffed', () => {
  assert.equal(portProtocol({ port: 3306 }), 'mysql');
  assert.equal(portProtocol({ port: 25 }), 'tcp');
  assert.equal(portProtocol({ port: 3306, name: 'http' }), 'http');
});

test('protocols of gateways are read without regard to case', () => {
  assert.equal(parseProtocol('HTTPS'), 'https');
  assert.equal(parseProtocol('GRPC-Web'), 'grpc-web');
  assert.equal(parseProtocol('HTTP_PROXY'), 'http-proxy');
  assert.equal(parseProtocol('SPDY'), undefined);
});
