import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { encode, fromJson } from '@lateen/protocol';
import { Secret as SecretMessage } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import { secretDecoder } from '../decode/resource.ts';
import type { DataPlane } from '../data-plane.ts';
import type { Secret } from '../model/index.ts';
import { listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane } from '../testing/harness.ts';
import { WatchedDirectories } from './watched-directories.ts';

/** A folder as Kubernetes mounts a volume: files are links through one link, which is swapped. */
class Volume {
  readonly path = mkdtempSync(join(tmpdir(), 'lateen-volume-'));
  #next = 1;

  constructor(t: TestContext, files: Readonly<Record<string, string>>) {
    t.after(() => rmSync(this.path, { recursive: true }));
    this.put(files);
    for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(this.path, name));
  }

  put(files: Readonly<Record<string, string>>): void {
    const version = `..${this.#next++}`;
    mkdirSync(join(this.path, version));
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(this.path, version, name), content);
    symlinkSync(version, join(this.path, '..next'));
    renameSync(join(this.path, '..next'), join(this.path, '..data'));
  }

  file(name: string): { readonly filename: string } {
    return { filename: join(this.path, name) };
  }
}

const filesOf = ({ cert, key }: TestCertificate) => ({ 'tls.crt': cert, 'tls.key': key });

async function serve(t: TestContext, common: object, secrets: readonly Secret[] = []): Promise<DataPlane> {
  const plane = startDataPlane(t);
  const listener = listenerFromJson(
    { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
    {
      transport_socket: {
        name: 'tls',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
          require_client_certificate: true,
          common_tls_context: common,
        },
      },
    },
  );
  const { refused } = await plane.update({ secrets: { set: secrets }, listeners: { set: [listener] } });
  assert.deepEqual(refused, []);
  return plane;
}

function secretOf(json: object): Secret {
  const message = fromJson(SecretMessage, json);
  assert.ok(message.ok, JSON.stringify(message));
  const decoded = secretDecoder.fromBytes(encode(SecretMessage, message.value));
  assert.ok(decoded.ok, JSON.stringify(decoded));
  return decoded.value.model;
}

interface Parties {
  readonly roots: string;
  readonly client: TestCertificate;
}

/** A connection that the server has answered once. */
async function talk(plane: DataPlane, { roots, client }: Parties): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: portOf(plane),
    servername: 'a.test',
    ca: roots,
    cert: client.cert,
    key: client.key,
  });
  await ask(socket);
  return socket;
}

/** Resolves with the answer; rejects where the connection ends instead. */
async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const ended = once(socket, 'close').then(() => Promise.reject(new Error('closed')));
  const [answer] = (await Promise.race([once(socket, 'data'), ended])) as [Buffer];
  return answer.toString('latin1', 0, 15);
}

const serialOf = (socket: TLSSocket): string => socket.getPeerCertificate().serialNumber;

/** Connects until another certificate than this one is shown. */
async function untilOther(plane: DataPlane, parties: Parties, serial: string): Promise<TLSSocket> {
  for (;;) {
    const socket = await talk(plane, parties);
    if (serialOf(socket) !== serial) return socket;
    socket.destroy();
  }
}

async function rotates(
  t: TestContext,
  authority: TestAuthority,
  volume: Volume,
  plane: DataPlane,
): Promise<void> {
  const parties = { roots: authority.root, client: await authority.issue({ dns: ['client.test'] }) };
  const old = await talk(plane, parties);
  t.after(() => old.destroy());
  volume.put(filesOf(await authority.issue({ dns: ['a.test'] })));
  const fresh = await untilOther(plane, parties, serialOf(old));
  t.after(() => fresh.destroy());
  assert.equal(await ask(old), 'HTTP/1.1 200 OK');

  // A key that is not the certificate's changes nothing, and what is whole again is used.
  const [next, other] = [
    await authority.issue({ dns: ['a.test'] }),
    await authority.issue({ dns: ['a.test'] }),
  ];
  volume.put({ 'tls.crt': next.cert, 'tls.key': other.key });
  for (let i = 0; i < 5; i++) {
    const same = await talk(plane, parties);
    assert.equal(serialOf(same), serialOf(fresh));
    same.destroy();
  }
  volume.put(filesOf(next));
  (await untilOther(plane, parties, serialOf(fresh))).destroy();
  assert.equal(await ask(old), 'HTTP/1.1 200 OK');
  assert.equal(await ask(fresh), 'HTTP/1.1 200 OK');
}

const trusting = (authority: TestAuthority) => ({ trusted_ca: { inline_string: authority.root } });

test('files of a listener whose folder is watched are read again when it changes, and connections stay', async (t) => {
  const authority = await createTestAuthority();
  const volume = new Volume(t, filesOf(await authority.issue({ dns: ['a.test'] })));
  const plane = await serve(t, {
    tls_certificates: [
      {
        certificate_chain: volume.file('tls.crt'),
        private_key: volume.file('tls.key'),
        watched_directory: { path: volume.path },
      },
    ],
    validation_context: trusting(authority),
  });
  await rotates(t, authority, volume, plane);
});

test('files of which each names its folder are read again too', async (t) => {
  const authority = await createTestAuthority();
  const volume = new Volume(t, filesOf(await authority.issue({ dns: ['a.test'] })));
  const watched = (name: string) => ({ ...volume.file(name), watched_directory: { path: volume.path } });
  const plane = await serve(t, {
    tls_certificates: [{ certificate_chain: watched('tls.crt'), private_key: watched('tls.key') }],
    validation_context: trusting(authority),
  });
  await rotates(t, authority, volume, plane);
});

test('files of a secret are read again when their folder changes, without its being named', async (t) => {
  const authority = await createTestAuthority();
  const volume = new Volume(t, filesOf(await authority.issue({ dns: ['a.test'] })));
  const own = secretOf({
    name: 'own',
    tls_certificate: { certificate_chain: volume.file('tls.crt'), private_key: volume.file('tls.key') },
  });
  const common = {
    tls_certificate_sds_secret_configs: [{ name: 'own' }],
    validation_context: trusting(authority),
  };
  await rotates(t, authority, volume, await serve(t, common, [own]));
});

test('roots that are replaced judge the next client, and who was let in by the old ones stays', async (t) => {
  const [first, second] = [await createTestAuthority('First'), await createTestAuthority('Second')];
  const own = await first.issue({ dns: ['a.test'] });
  const volume = new Volume(t, { 'ca.crt': first.root });
  const plane = await serve(t, {
    tls_certificates: [
      { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
    ],
    validation_context: { trusted_ca: volume.file('ca.crt'), watched_directory: { path: volume.path } },
  });
  const old = await talk(plane, { roots: first.root, client: await first.issue({ dns: ['c.test'] }) });
  t.after(() => old.destroy());
  const other = { roots: first.root, client: await second.issue({ dns: ['c.test'] }) };
  await assert.rejects(talk(plane, other));
  volume.put({ 'ca.crt': second.root });
  let fresh: TLSSocket | undefined;
  while (fresh === undefined) fresh = await talk(plane, other).catch(() => undefined);
  fresh.destroy();
  assert.equal(await ask(old), 'HTTP/1.1 200 OK');
});

test('a folder is watched as long as somebody needs it, and one that is not there is no bug', (t) => {
  const volume = new Volume(t, {});
  const watched = new WatchedDirectories();
  t.after(() => watched.close());
  watched.own('a', [volume.path]);
  watched.own('b', [volume.path, '/nowhere/at/all']);
  const revision = watched.revision(volume.path);
  assert.ok(revision > 0);
  watched.own('a', []);
  assert.equal(watched.revision(volume.path), revision);
  watched.own('b', []);
  assert.equal(watched.revision(volume.path), 0);
});
