import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { lineLogger } from '@lateen/core';
import { createTestAuthority, type TestCertificate } from '@lateen/testkit';
import { createDataPlane } from '../create-data-plane.ts';
import type { DataPlane } from '../data-plane.ts';
import { startBootstrapped } from '../testing/bootstrapped-proxy.ts';
import { portOf, statOf } from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions';

/** A proxy whose listener has its certificate by SDS from a file that names files, as Envoy's documentation shows it. */
async function serve(t: TestContext, folder: string, write: (line: string) => void): Promise<DataPlane> {
  const file = join(folder, 'sds.json');
  writeFileSync(
    file,
    JSON.stringify({
      resources: [
        {
          '@type': `${types}.transport_sockets.tls.v3.Secret`,
          name: 'own',
          tls_certificate: {
            certificate_chain: { filename: join(folder, 'cert.pem') },
            private_key: { filename: join(folder, 'key.pem') },
          },
        },
      ],
    }),
  );
  const bootstrap = {
    node: { id: 'n', cluster: 'c' },
    static_resources: {
      listeners: [
        {
          name: 'main',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'answer',
                  typed_config: {
                    '@type': `${types}.filters.network.direct_response.v3.Config`,
                    response: { inline_string: 'hello' },
                  },
                },
              ],
              transport_socket: {
                name: 'tls',
                typed_config: {
                  '@type': `${types}.transport_sockets.tls.v3.DownstreamTlsContext`,
                  common_tls_context: {
                    tls_certificate_sds_secret_configs: [
                      { name: 'own', sds_config: { path_config_source: { path: file } } },
                    ],
                  },
                },
              },
            },
          ],
        },
      ],
    },
  };
  const log = lineLogger({ write, level: () => 'warn', scope: 'main' });
  const { dataPlane, ready } = await startBootstrapped(t, bootstrap, {
    dataPlane: createDataPlane({ logger: log }),
    log,
  });
  await ready;
  return dataPlane;
}

test('a certificate by SDS from files follows them, and a key that is not its own is counted and told', async (t) => {
  const authority = await createTestAuthority();
  const folder = mkdtempSync(join(tmpdir(), 'lateen-sds-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const put = (name: string, content: string): void => {
    writeFileSync(join(folder, `.${name}`), content);
    renameSync(join(folder, `.${name}`), join(folder, name));
  };
  const rotate = ({ cert, key }: TestCertificate): void => {
    put('cert.pem', cert);
    put('key.pem', key);
  };
  const issue = () => authority.issue({ dns: ['a.test'] });
  rotate(await issue());
  let log = '';
  let wake = (): void => {};
  const plane = await serve(t, folder, (line) => {
    log += line;
    wake();
  });
  const shown = async (): Promise<string> => {
    const { root: ca } = authority;
    const socket = connect({ host: '127.0.0.1', port: portOf(plane), servername: 'a.test', ca });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const first = await shown();
  rotate(await issue());
  let second = first;
  while (second === first) second = await shown();

  const failures = statOf(plane, 'sds.own.key_rotation_failed');
  put('key.pem', (await issue()).key);
  while (statOf(plane, 'sds.own.key_rotation_failed') === failures)
    await new Promise<void>((resolve) => (wake = resolve));
  assert.match(
    log,
    /secret own has changed and cannot be used.*private_key: is not the key of the certificate/s,
  );
  assert.equal(await shown(), second);
});
