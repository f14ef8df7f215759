import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import { keptAccessLog, portOf, startDataPlane, tcpUpstream, until } from '../testing/harness.ts';
import { ja3Of, ja4Of, readClientHello, type ClientHello } from './client-hello.ts';

const empty: ClientHello = {
  version: 0x0303,
  ciphers: [],
  extensions: [],
  serverName: '',
  applicationProtocols: [],
  groups: [],
  pointFormats: [],
  signatureAlgorithms: [],
  supportedVersions: [],
};
const of = (text: string): number[] => text.split(',').map((one) => Number.parseInt(one, 16));

test('JA3 is what its authors publish', () => {
  const hello = {
    ...empty,
    version: 769,
    ciphers: [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
    extensions: [0, 10, 11],
    groups: [23, 24, 25],
    pointFormats: [0],
  };
  assert.equal(ja3Of(hello), 'ada70206e40642a3e4461f35503241d5');
  // "769,4-5-10-9-100-98-3-6-19-18-99,,,"
  const plain = { ...empty, version: 769, ciphers: [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99] };
  assert.equal(ja3Of(plain), 'de350869b8c85de67a350c8d186f11e6');
});

test('JA4 is what its authors publish, and marks what is not there', () => {
  const hello = {
    ...empty,
    ciphers: of('1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035'),
    extensions: of('001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015'),
    applicationProtocols: ['h2', 'http/1.1'],
    signatureAlgorithms: of('0403,0804,0401,0503,0805,0501,0806,0601'),
    supportedVersions: [0x0304, 0x0303],
  };
  assert.equal(ja4Of(hello), 't13d1516h2_8daaf6152771_e5627efa2ab1');
  assert.equal(ja4Of(empty), 't12i000000_000000000000_000000000000');
  assert.match(ja4Of({ ...empty, applicationProtocols: ['\xab\xcd'] }), /^t12i0000ad_/);
  assert.match(ja4Of({ ...empty, applicationProtocols: ['h'] }), /^t12i0000hh_/);
});

test('a ClientHello is read without what GREASE puts in', () => {
  const pair = (value: number): number[] => [value >> 8, value & 0xff];
  const lengthed = (bytes: readonly number[]): number[] => [...pair(bytes.length), ...bytes];
  const extension = (type: number, content: readonly number[]): number[] => [
    ...pair(type),
    ...lengthed(content),
  ];
  const message = Buffer.from([
    1,
    0,
    0,
    0,
    3,
    3,
    ...Array.from({ length: 32 }, () => 7),
    0,
    ...lengthed([...pair(0x1a1a), ...pair(0x1301)]),
    1,
    0,
    ...lengthed([
      ...extension(0x2a2a, []),
      ...extension(10, lengthed([...pair(0x3a3a), ...pair(29)])),
      ...extension(11, [1, 0]),
      ...extension(13, lengthed(pair(0x0403))),
      ...extension(16, lengthed([2, 0x68, 0x32])),
      ...extension(43, [4, ...pair(0x4a4a), ...pair(0x0304)]),
      ...extension(0, [...pair(4), 0, ...lengthed([0x61])]),
    ]),
  ]);
  assert.deepEqual(readClientHello(message, true), {
    version: 0x0303,
    ciphers: [0x1301],
    extensions: [10, 11, 13, 16, 43, 0],
    serverName: 'a',
    applicationProtocols: ['h2'],
    groups: [29],
    pointFormats: [0],
    signatureAlgorithms: [0x0403],
    supportedVersions: [0x0304],
  });
});

test('access logs tell the fingerprints that the inspector is to take', async (t) => {
  const types = 'type.googleapis.com/envoy.extensions';
  const log = {
    name: 'log',
    typed_config: {
      '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: { text_format_source: { inline_string: '%TLS_JA3_FINGERPRINT% %TLS_JA4_FINGERPRINT%' } },
    },
  };
  const proxy = {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': `${types}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 'tcp',
      cluster: 'up',
      access_log: [log],
    },
  };
  const up = await tcpUpstream(t, (socket) => socket.once('data', () => socket.end()));
  const lines: string[] = [];
  for (const taken of [[], ['ja3'], ['ja3', 'ja4']]) {
    const kept = keptAccessLog('');
    const dataPlane = startDataPlane(t, kept.options);
    const inspector = {
      name: 'envoy.filters.listener.tls_inspector',
      typed_config: {
        '@type': `${types}.filters.listener.tls_inspector.v3.TlsInspector`,
        ...Object.fromEntries(taken.map((one) => [`enable_${one}_fingerprinting`, true])),
      },
    };
    await dataPlane.update({
      clusters: { set: [clusterFromJson('up', [up])] },
      listeners: {
        set: [
          listenerFromJson({}, undefined, {
            filter_chains: [{ filters: [proxy] }],
            listener_filters: [inspector],
          }),
        ],
      },
    });
    const client = connectTls({
      port: portOf(dataPlane),
      host: '127.0.0.1',
      servername: 'a.test',
      ALPNProtocols: ['h2'],
      ciphers: 'TLS_AES_128_GCM_SHA256',
      minVersion: 'TLSv1.3',
    });
    client.on('error', () => {});
    await once(client, 'close', { signal: undefined }).catch(() => {});
    await until(() => kept.lines.length > 0);
    lines.push(...kept.lines);
  }
  assert.equal(lines[0], '- -');
  assert.match(lines[1] ?? '', /^[0-9a-f]{32} -$/);
  // One cipher, whose hash is that of "1301".
  assert.match(lines[2] ?? '', /^[0-9a-f]{32} t13d01\d\dh2_0f2cb44170f4_[0-9a-f]{12}$/);
});

test('a server name that readers of TLS would not agree on is none', () => {
  const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
  const size = (value: number): string => value.toString(16).padStart(4, '0');
  const entry = (name: string): string => `00${size(name.length)}${hex(name)}`;
  const list = (...entries: readonly string[]): string =>
    `${size(entries.join('').length / 2)}${entries.join('')}`;
  const read = (...contents: readonly string[]): string => {
    const extensions = contents.map((one) => `0000${size(one.length / 2)}${one}`).join('');
    const body = `0303${'00'.repeat(32)}000002c02b0100${size(extensions.length / 2)}${extensions}`;
    return readClientHello(Buffer.from(`0100${size(body.length / 2)}${body}`, 'hex'), false).serverName;
  };
  assert.equal(read(list(entry('A.test'))), 'a.test');
  for (const contents of [
    [list(entry('a.test'), entry('b.test'))],
    [list(entry('a.test')), list(entry('b.test'))],
    [list(entry('a.test\0.evil'))],
    [list(entry(''))],
    [list(entry('x'.repeat(256)))],
    [list(`01${size(6)}${hex('a.test')}`)],
    [`${size(9)}00${size(22)}${hex('a.test')}`],
    [`${list(entry('a.test'))}ffff`],
    ['0000'],
    [''],
  ])
    assert.throws(() => read(...contents), contents.join());
});
