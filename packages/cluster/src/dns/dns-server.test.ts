import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, test } from 'node:test';
import { TestClock, silentLogger, systemClock } from '@lateen/core';
import type { EndpointSlice, Informer, KubeObject, Namespace, Service } from '@lateen/kube';
import packet, { type DecodedPacket, type RecordType } from 'dns-packet';
import { startDnsServer, type DnsServer, type DnsServerOptions } from './dns-server.ts';

const servers: DnsServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** As much of an informer as the server reads. */
function fixed<T extends KubeObject>(objects: readonly T[]): Informer<T> {
  return {
    list: () => [...objects],
    get: (namespace: string | undefined, name: string) =>
      objects.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
    byIndex: () => [...objects],
  } as unknown as Informer<T>;
}

const many: EndpointSlice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'many-x', namespace: 'default', labels: { 'kubernetes.io/service-name': 'many' } },
  addressType: 'IPv4',
  endpoints: Array.from({ length: 60 }, (_, i) => ({ addresses: [`10.244.0.${i + 2}`] })),
  ports: [],
};

async function start(more: Partial<DnsServerOptions> = {}): Promise<number> {
  const service = (name: string, clusterIP: string): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { clusterIP },
  });
  const namespace: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };
  const server = await startDnsServer({
    informers: {
      services: fixed([service('web', '10.96.0.7'), service('many', 'None')]),
      endpointSlices: fixed([many]),
      namespaces: fixed([namespace]),
    },
    clock: systemClock,
    logger: silentLogger,
    address: '127.0.0.1',
    port: 0,
    ...more,
  });
  servers.push(server);
  return server.port;
}

function query(name: string, type: RecordType = 'A', bytes?: number): Buffer {
  return packet.encode({
    type: 'query',
    id: 4711,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type }],
    ...(bytes === undefined
      ? {}
      : { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: bytes, flags: 0, options: [] } as never] }),
  });
}

async function askUdp(
  port: number,
  message: Buffer,
): Promise<DecodedPacket & { rcode?: string; bytes: number }> {
  const socket = createSocket('udp4');
  socket.send(message, port, '127.0.0.1');
  const [answer] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return { ...packet.decode(answer), bytes: answer.length };
}

async function askTcp(port: number, messages: readonly Buffer[]): Promise<DecodedPacket[]> {
  const socket = connect(port, '127.0.0.1');
  socket.write(Buffer.concat(messages.map((message) => packet.streamEncode({ ...packet.decode(message) }))));
  let bytes = Buffer.alloc(0);
  const answers: DecodedPacket[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      const end = 2 + bytes.readUInt16BE(0);
      answers.push(packet.decode(bytes.subarray(2, end)));
      bytes = bytes.subarray(end);
    }
    if (answers.length === messages.length) break;
  }
  return answers;
}

test('a query over UDP is answered with the address, as an authority', async () => {
  const answer = await askUdp(await start(), query('web.default.svc.cluster.local'));
  assert.equal(answer.id, 4711);
  assert.deepEqual(answer.answers, [
    {
      name: 'web.default.svc.cluster.local',
      type: 'A',
      ttl: 5,
      class: 'IN',
      flush: false,
      data: '10.96.0.7',
    },
  ]);
  assert.ok(answer.flag_aa && answer.flag_ra && answer.flag_rd);
});

test('a name that is missing says so with the start of authority, which limits how long that is believed', async () => {
  const answer = await askUdp(await start(), query('gone.default.svc.cluster.local'));
  assert.equal(answer.rcode, 'NXDOMAIN');
  assert.equal(answer.authorities?.[0]?.type, 'SOA');
});

test('an answer that is too large for UDP is cut and says so, and is whole over TCP or with EDNS', async () => {
  const port = await start();
  const cut = await askUdp(port, query('many.default.svc.cluster.local'));
  assert.ok(cut.bytes <= 512);
  assert.ok(cut.flag_tc);
  const large = await askUdp(port, query('many.default.svc.cluster.local', 'A', 4096));
  assert.equal(large.answers?.length, 60);
  const [whole, other] = await askTcp(port, [
    query('many.default.svc.cluster.local'),
    query('web.default.svc.cluster.local'),
  ]);
  assert.equal(whole?.answers?.length, 60);
  assert.equal(other?.answers?.length, 1);
});

test('names outside fail at once where nobody is there to ask', async () => {
  const answer = await askUdp(await start(), query('example.com'));
  assert.equal(answer.rcode, 'SERVFAIL');
});

test('names outside are asked of the world, and given up after a while', async () => {
  const clock = new TestClock();
  const asked = Promise.withResolvers<void>();
  const port = await start({
    clock,
    forward: async (message) => {
      const { id = 0, questions = [] } = packet.decode(message);
      if (questions[0]?.name === 'slow.example.com') {
        asked.resolve();
        return new Promise<Buffer>(() => {});
      }
      const answers = [{ type: 'A' as const, name: 'example.com', data: '93.184.216.34' }];
      return packet.encode({ type: 'response', id, questions, answers });
    },
  });
  const answer = await askUdp(port, query('example.com'));
  const [first] = answer.answers ?? [];
  assert.equal(first?.type === 'A' && first.data, '93.184.216.34');
  const slow = askUdp(port, query('slow.example.com'));
  await asked.promise;
  clock.advance(2000);
  assert.equal((await slow).rcode, 'SERVFAIL');
});

test('what is no query is answered with an error or not at all', async () => {
  const port = await start();
  const twoQuestions = packet.encode({
    type: 'query',
    id: 1,
    questions: [
      { name: 'a', type: 'A' },
      { name: 'b', type: 'A' },
    ],
  });
  assert.equal((await askUdp(port, twoQuestions)).rcode, 'FORMERR');
  const broken = Buffer.concat([query('web.default.svc.cluster.local').subarray(0, 12), Buffer.from([0xc0])]);
  assert.equal((await askUdp(port, broken)).rcode, 'FORMERR');
  const update = query('web.default.svc.cluster.local');
  update.writeUInt8(0x28, 2);
  assert.equal((await askUdp(port, update)).rcode, 'NOTIMP');
});
