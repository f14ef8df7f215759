import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { AggregatedDiscoveryService } from '@lateen/protocol/envoy/service/discovery/v3';
import { createGrpcServer } from '@lateen/protocol/grpc';
import { createTestAuthority } from '@lateen/testkit';
import { freePort } from '@lateen/testkit/free-port';
import { types } from './testing/program.ts';

const bundle = fileURLToPath(new URL('../../../dist/lateen-proxy.mjs', import.meta.url));
/** Has a process tell which of Node's modules it has loaded when a signal ends it. */
const tellsModules = `data:text/javascript,${encodeURIComponent(
  "process.on('SIGUSR2', () => { process.stdout.write(process.moduleLoadList.join('\\n')); process.exit(); });",
)}`;
const id = 'spiffe://cluster.local/ns/a/sa/b';
const tlsTypes = `${types}.extensions.transport_sockets.tls.v3`;
const managerType = `${types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`;
const http2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** A control plane with TLS that has nothing to say; `asked` resolves when a proxy has asked it. */
async function startControlPlane(t: TestContext, tls: { readonly cert: string; readonly key: string }) {
  const asked = Promise.withResolvers<void>();
  const server = createGrpcServer();
  server.stream(AggregatedDiscoveryService.deltaAggregatedResources, () => ({
    onMessage: () => asked.resolve(),
    onClose() {},
  }));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, tls });
  t.after(() => server.close());
  return { port, asked: asked.promise };
}

test("a sidecar's TLS, with its control plane and with its peers, loads neither Node's crypto nor its TLS", async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['istiod.test'], uris: [id] });
  const control = await startControlPlane(t, own);
  const inline = (value: string) => ({ inline_string: value });
  const common = {
    tls_certificates: [{ certificate_chain: inline(own.cert), private_key: inline(own.key) }],
    validation_context: {
      trusted_ca: inline(authority.root),
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: id } }],
    },
  };
  const socket = (kind: string) => ({
    name: 'tls',
    typed_config: {
      '@type': `${tlsTypes}.${kind}TlsContext`,
      common_tls_context: common,
      ...(kind === 'Downstream' ? { require_client_certificate: true } : { sni: 'istiod.test' }),
    },
  });
  const [admin, port] = [await freePort(), await freePort()];
  const address = (number: number) => ({ socket_address: { address: '127.0.0.1', port_value: number } });
  const ads = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  const manager = {
    '@type': managerType,
    stat_prefix: 'in',
    forward_client_cert_details: 'APPEND_FORWARD',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            {
              match: { prefix: '/' },
              direct_response: { status: 200 },
            },
          ],
        },
      ],
    },
    http_filters: [
      {
        name: 'router',
        typed_config: { '@type': `${types}.extensions.filters.http.router.v3.Router` },
      },
    ],
  };
  const folder = mkdtempSync(join(tmpdir(), 'lateen-modules-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'bootstrap.json');
  writeFileSync(
    file,
    JSON.stringify({
      node: { id: 'sidecar', cluster: 'test' },
      admin: { address: address(admin) },
      dynamic_resources: {
        cds_config: ads,
        lds_config: ads,
        ads_config: {
          api_type: 'DELTA_GRPC',
          transport_api_version: 'V3',
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
        },
      },
      static_resources: {
        clusters: [
          {
            name: 'xds-grpc',
            connect_timeout: '1s',
            load_assignment: {
              cluster_name: 'xds-grpc',
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(control.port) } }] }],
            },
            transport_socket: socket('Upstream'),
            typed_extension_protocol_options: {
              [http2]: {
                '@type': `type.googleapis.com/${http2}`,
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
          },
        ],
        listeners: [
          {
            name: 'in',
            address: address(port),
            filter_chains: [
              { filters: [{ name: 'http', typed_config: manager }], transport_socket: socket('Downstream') },
            ],
          },
        ],
      },
    }),
  );
  const child = spawn(process.execPath, ['--import', tellsModules, bundle, '-c', file], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  const modules = text(child.stdout);
  await control.asked;
  const client = connect({ host: '127.0.0.1', port, ca: authority.root, ...own, servername: 'istiod.test' });
  t.after(() => client.destroy());
  await once(client, 'secureConnect');
  client.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(await text(client), /^HTTP\/1\.1 200 /);
  const scraped = await fetch(`http://127.0.0.1:${admin}/stats/prometheus`);
  assert.match(await scraped.text(), /certificate_expiration_unix_time_seconds\{/);

  child.kill('SIGUSR2');
  assertLean(await modules);
});

test("what a pod's agent is made of loads neither of them, before it does anything", async (t) => {
  const tellsAtEnd = `data:text/javascript,${encodeURIComponent(
    "process.on('exit', () => process.stdout.write('\\n' + process.moduleLoadList.join('\\n')));",
  )}`;
  const child = spawn(process.execPath, ['--import', tellsAtEnd, bundle, 'proxy', 'sidecar', '--help'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => child.kill('SIGKILL'));
  assertLean(await text(child.stdout));
});

/** Each of these takes up to 2.4 MB. */
function assertLean(modules: string): void {
  const loaded = modules.split('\n').map((line) => line.replace('NativeModule ', ''));
  assert.ok(loaded.includes('net'));
  assert.deepEqual(
    loaded.filter((name) => /^(crypto|tls|https|http2|zlib|fs\/promises)$/.test(name)),
    [],
  );
}
