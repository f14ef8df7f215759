import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { LateenError } from '@lateen/core';
import { runEnvoy } from './bootstrap/main.ts';
import { ask, logged, startProgram } from './testing/program.ts';

let folder: string;
let upstream: Server;
/** Ends the answer to `/slow`. */
let release: () => void = () => {};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-proxy-'));
  upstream = createServer((request, response) => {
    if (request.url !== '/slow') return response.end('hello');
    release = () => response.end('slow hello');
    return undefined;
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
});

after(() => {
  rmSync(folder, { recursive: true });
  upstream.close();
  upstream.closeAllConnections();
});

function bootstrapFile(change: (text: string) => string = (text) => text): string {
  const { port } = upstream.address() as AddressInfo;
  const file = join(folder, `bootstrap-${Math.random()}.yaml`);
  writeFileSync(
    file,
    change(`
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: main
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {prefix: "/"}, route: {cluster: backend}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: backend
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}
`),
  );
  return file;
}

/** Runs the program in this process; resolves with its exit code and what it wrote. */
async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  const code = await runEnvoy(args, write, new URL('main.ts', import.meta.url));
  return { code, out };
}

test('a static bootstrap is served, and a request that is under way at SIGTERM is finished', async (t) => {
  const child = startProgram(t, ['-c', bootstrapFile()]);
  const exited = once(child, 'exit');
  const admin = await logged(child, /admin address: (\S+)/);
  const [, main = ''] = /^main::(.*)$/m.exec((await ask(`http://${admin}/listeners`)).body) ?? [];
  assert.deepEqual(await ask(`http://${main}/`), { status: 200, body: 'hello' });

  const asked = once(upstream, 'request');
  const slow = ask(`http://${main}/slow`);
  await asked;
  child.kill('SIGTERM');
  // What is new is refused as soon as the proxy has heard the signal.
  for (let refused = false; !refused; ) {
    refused = await ask(`http://${main}/`).then(
      () => false,
      () => true,
    );
  }
  release();
  assert.deepEqual(await slow, { status: 200, body: 'slow hello' });
  assert.deepEqual(await exited, [0, null]);
});

test('a reader of access logs who does not read keeps neither requests nor the end', async (t) => {
  const log = `
          access_log:
          - name: stdout
            typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}
          route_config:`;
  const file = bootstrapFile((text) => text.replace(/\n +route_config:/, log));
  const child = startProgram(t, ['-c', file, '--disable-hot-restart'], 'pipe');
  const exited = once(child, 'exit');
  const admin = await logged(child, /admin address: (\S+)/);
  const [, main = ''] = /^main::(.*)$/m.exec((await ask(`http://${admin}/listeners`)).body) ?? [];
  // More than what the system takes between a writer and a reader who waits.
  for (let i = 0; i < 400; i++) assert.equal((await ask(`http://${main}/${'x'.repeat(4_000)}`)).status, 200);
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

test('at SIGUSR1 access logs are opened anew, SIGHUP changes nothing, and neither opens a port for debuggers', async (t) => {
  const path = join(folder, 'access.log');
  const log = `
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: ${path}
              log_format: {text_format_source: {inline_string: "%REQ(:PATH)%\\n"}}
          route_config:`;
  const file = bootstrapFile((text) => text.replace(/\n +route_config:/, log));
  const child = startProgram(t, ['-c', file, '--disable-hot-restart']);
  const exited = once(child, 'exit');
  const admin = await logged(child, /admin address: (\S+)/);
  const [, main = ''] = /^main::(.*)$/m.exec((await ask(`http://${admin}/listeners`)).body) ?? [];
  await ask(`http://${main}/before`);
  renameSync(path, `${path}.1`);
  child.kill('SIGHUP');
  await logged(child, /received SIGHUP/);
  child.kill('SIGUSR1');
  await logged(child, /received SIGUSR1/);
  await ask(`http://${main}/after`);
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
  const [old, fresh] = [`${path}.1`, path].map((one) => readFileSync(one, 'utf8'));
  assert.match(fresh ?? '', /^\/after$/m);
  assert.equal(`${old}${fresh}`, '/before\n/after\n');
  assert.doesNotMatch(child.log, /Debugger/);
});

test('a bootstrap is checked without being served, and one that is wrong is refused by its place', async () => {
  const good = await run('-c', bootstrapFile(), '--mode', 'validate');
  assert.equal(good.code, 0);
  assert.match(good.out, /OK$/m);
  const file = bootstrapFile((text) => text.replace('cluster: backend', 'clutser: backend'));
  await assert.rejects(
    run('-c', file, '--mode', 'validate'),
    new RegExp(`${file}:18:\\d+: .*clutser.*cluster`),
  );
  await assert.rejects(run('-c', '/nowhere.yaml'), /the bootstrap cannot be read: .*nowhere/);
});

test('a bootstrap with an extension that is not there is refused with what can be done', async () => {
  const lua = bootstrapFile((text) =>
    text
      .replace('http.router.v3.Router', 'http.lua.v3.Lua')
      .replace('filters.http.router}', 'filters.http.lua}'),
  );
  await assert.rejects(run('-c', lua), (error: LateenError) => {
    assert.match(error.message, /:\d+:\d+: static_resources\.listeners\[0\].*lua\.v3\.Lua is not known/);
    assert.match(error.hint ?? '', /Lua.*not run.*docs\/proxy-fields\.md/);
    return true;
  });
});

test('what only compiling finds is found without serving, at its place and with the file that is wrong', async () => {
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
  const file = bootstrapFile((text) =>
    text
      .replace(
        '    filter_chains:\n    - filters:',
        `    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": ${type}.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - certificate_chain: {filename: /nowhere/cert.pem}
              private_key: {inline_string: x}
      filters:`,
      )
      .replace(
        '  - name: backend\n',
        `  - name: backend
    transport_socket:
      name: tls
      typed_config:
        "@type": ${type}.UpstreamTlsContext
        common_tls_context: {validation_context: {trusted_ca: {inline_string: none}}}
`,
      ),
  );
  const at = (place: string, field: string): RegExp =>
    new RegExp(`${file}:${place}: static_resources\\.${field.replaceAll('[', '\\[')}`);
  const context = 'transport_socket.typed_config.common_tls_context';
  for (const expected of [
    at(
      '14:15',
      `listeners[0].filter_chains[0].${context}.tls_certificates[0].certificate_chain: .*/nowhere/cert.pem`,
    ),
    at(
      '\\d+:51',
      `clusters[0].${context}.validation_context.trusted_ca: holds no roots that can be used: no certificate in PEM`,
    ),
  ])
    await assert.rejects(run('-c', file, '--mode', 'validate'), expected);
});

test('a route to a cluster that is not there is refused, unless its table does not want to know', async () => {
  const elsewhere = bootstrapFile((text) =>
    text.replace('route: {cluster: backend}', 'route: {cluster: nowhere}'),
  );
  await assert.rejects(
    run('-c', elsewhere, '--mode', 'validate'),
    /:18:40: static_resources\.listeners\[0\]\..*\.typed_config\.route_config\.virtual_hosts\[0\]\.routes\[0\]\.route: unknown cluster "nowhere"$/,
  );
  const lenient = readFileSync(elsewhere, 'utf8').replace(
    'virtual_hosts:',
    'validate_clusters: false\n            virtual_hosts:',
  );
  writeFileSync(elsewhere, lenient);
  assert.equal((await run('-c', elsewhere, '--mode', 'validate')).code, 0);
});

test('the bootstrap in the documentation is one that the proxy takes', async () => {
  const document = readFileSync(new URL('../../../docs/proxy.md', import.meta.url), 'utf8');
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(document) ?? [];
  const file = join(folder, 'documented.yaml');
  writeFileSync(file, yaml);
  assert.equal((await run('-c', file, '--mode', 'validate')).code, 0);
});

test('a listener whose address is taken ends the start with its name', async (t) => {
  const { port } = upstream.address() as AddressInfo;
  const free = 'name: main\n    address: {socket_address: {address: 127.0.0.1, port_value: 0}}';
  const file = bootstrapFile((text) =>
    text.replace(free, free.replace('port_value: 0', `port_value: ${port}`)),
  );
  const line =
    readFileSync(file, 'utf8')
      .split('\n')
      .findIndex((text) => text.includes(`value: ${port}`)) + 1;
  const child = startProgram(t, ['-c', file]);
  const [code] = (await once(child, 'close')) as [number];
  const err = child.log;
  assert.equal(code, 1);
  assert.ok(
    err.includes(
      `${file}:${line}:5: static_resources.listeners[0].address: cannot listen on 127.0.0.1:${port}: another process has the address`,
    ),
    err,
  );
  assert.doesNotMatch(err, /\tready/);
});

test('nothing is served where the address of the admin port is taken', async (t) => {
  const { port } = upstream.address() as AddressInfo;
  const file = bootstrapFile((text) =>
    text.replace(
      'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0',
      `admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}`,
    ),
  );
  const child = startProgram(t, ['-c', file]);
  const [code] = (await once(child, 'close')) as [number];
  const err = child.log;
  assert.equal(code, 1);
  assert.match(
    err,
    /^error: admin\.address: cannot listen on 127\.0\.0\.1:\d+: another process has the address: .* \(EADDRINUSE\)$/m,
  );
});

test('it is started until ready and ended where only that is asked, and says its help and version', async () => {
  assert.deepEqual(await run('-c', bootstrapFile(), '--mode', 'init_only', '-l', 'off'), {
    code: 0,
    out: 'initialized\n',
  });
  assert.match((await run('--help')).out, /--config-yaml TEXT/);
  assert.match((await run('--version')).out, /^lateen-proxy version: /);
  await assert.rejects(run('--mode', 'validate'), /a bootstrap is needed/);
});

test('without a bootstrap and without a command it says what to give it', async (t) => {
  const child = startProgram(t, []);
  assert.deepEqual(await once(child, 'close'), [1, null]);
  assert.match(child.log, /neither a bootstrap nor a command.*\n.*lateen-proxy -c FILE/);
});
