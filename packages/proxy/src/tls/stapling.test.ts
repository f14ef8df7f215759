import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { TestClock } from '@lateen/core';
import type { DataPlane } from '../data-plane.ts';
import { listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane, statOf } from '../testing/harness.ts';
import { certificatesJson } from '../admin/certificates.ts';
import { secondsUntil } from './certificate-expiry.ts';
import { readOcspResponse } from './ocsp-response.ts';
import { listenerTlsProblems } from './resource-problems.ts';
import { LazyOpenssl } from './openssl/openssl.ts';

/** An authority of the openssl program, which answers what has become of its certificates. */
class Authority {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lateen-ocsp-'));

  constructor(t: TestContext) {
    t.after(() => rmSync(this.#folder, { recursive: true }));
    const made = ['-keyout', this.file('ca.key'), '-out', this.file('ca.pem'), '-subj', '/CN=Authority'];
    this.#openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...made);
    writeFileSync(this.file('index.txt'), '');
  }

  file(name: string): string {
    return join(this.#folder, name);
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }

  /** Issues a certificate, with its key beside it; `extension` as openssl writes it. */
  issue(name: string, serial: number, extension: string): object {
    const [key, request, cert] = [
      this.file(`${name}.key`),
      this.file(`${name}.csr`),
      this.file(`${name}.pem`),
    ];
    const made = ['-keyout', key, '-out', request, '-subj', `/CN=${name}`];
    this.#openssl('req', '-newkey', 'rsa:2048', '-nodes', ...made);
    writeFileSync(this.file('extensions'), extension);
    const by = ['-CA', this.file('ca.pem'), '-CAkey', this.file('ca.key'), '-set_serial', String(serial)];
    this.#openssl('x509', '-req', '-in', request, '-out', cert, '-extfile', this.file('extensions'), ...by);
    const hex = serial.toString(16).toUpperCase().padStart(2, '0');
    const line = `V\t351231235959Z\t\t${hex}\tunknown\t/CN=${name}\n`;
    writeFileSync(this.file('index.txt'), line, { flag: 'a' });
    return { certificate_chain: { filename: cert }, private_key: { filename: key } };
  }

  /** The answer for certificates, good for an hour, in a file of this name. */
  answer(into: string, ...names: readonly string[]): object {
    const ca = this.file('ca.pem');
    const by = ['-index', this.file('index.txt'), '-rsigner', ca, '-rkey', this.file('ca.key'), '-CA', ca];
    const about = ['-issuer', ca, ...names.flatMap((name) => ['-cert', this.file(`${name}.pem`)])];
    this.#openssl('ocsp', ...by, ...about, '-respout', this.file(into), '-nmin', '60', '-noverify');
    return { filename: this.file(into) };
  }
}

function listenerWith(certificates: readonly object[], more: object = {}) {
  return listenerFromJson(
    { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
    {
      transport_socket: {
        name: 'tls',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
          common_tls_context: { tls_certificates: certificates },
          ...more,
        },
      },
    },
  );
}

async function serve(t: TestContext, clock: TestClock, certificates: readonly object[], more: object = {}) {
  const plane = startDataPlane(t, { clock });
  const { refused } = await plane.update({ listeners: { set: [listenerWith(certificates, more)] } });
  assert.deepEqual(refused, []);
  return plane;
}

/** What a client is shown: the bytes, `none`, or `refused`. */
async function ask(
  plane: DataPlane,
  requestOCSP = true,
  maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): Promise<Buffer | 'none' | 'refused'> {
  const options = { servername: 'a.test', rejectUnauthorized: false, maxVersion };
  const socket = connect({ host: '127.0.0.1', port: portOf(plane), requestOCSP, ...options });
  let shown: Buffer | 'none' = 'none';
  socket.on('OCSPResponse', (response: Buffer | null) => (shown = response ?? 'none'));
  try {
    await once(socket, 'secureConnect');
    return shown;
  } catch {
    return 'refused';
  } finally {
    socket.destroy();
  }
}

const counts = (plane: DataPlane): readonly number[] =>
  ['requests', 'responses', 'omitted', 'failed'].map((name) => {
    const prefix = `listener.127.0.0.1_0`;
    return statOf(plane, `${prefix}.ssl.ocsp_staple_${name}`);
  });

test('clients that ask are shown what the authority says, by the certificate that they are shown', async (t) => {
  const authority = new Authority(t);
  const one = authority.issue('one', 17, 'subjectAltName=DNS:b.test');
  const two = authority.issue('two', 300, 'subjectAltName=DNS:a.test');
  const plane = await serve(t, new TestClock(Date.now()), [
    { ...one, ocsp_staple: authority.answer('one.der', 'one') },
    { ...two, ocsp_staple: authority.answer('two.der', 'two') },
  ]);
  const expected = readFileSync(authority.file('two.der'));
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const shown = await ask(plane, true, version);
    assert.ok(Buffer.isBuffer(shown) && shown.equals(expected));
    assert.equal(await ask(plane, false, version), 'none');
  }
  assert.deepEqual(counts(plane), [2, 2, 0, 0]);
  const read = readOcspResponse(expected);
  assert.ok(read.ok);
  assert.equal(read.value.serialNumber, 300n);
  const { validFromMs, validUntilMs } = read.value;
  assert.equal(validUntilMs - validFromMs, 3_600_000);
  const first = plane.firstOcspExpiryMs() ?? 0;
  assert.ok(first > 0 && first <= validUntilMs);
  assert.equal(secondsUntil(first, first - 1_500), 1);
  const shown = JSON.stringify(
    certificatesJson(
      [],
      plane.listeners().map(({ listener }) => listener),
      [],
      Date.now(),
    ),
  );
  const times = {
    valid_from: new Date(validFromMs).toISOString(),
    expiration: new Date(validUntilMs).toISOString(),
  };
  assert.ok(shown.includes(`"ocsp_details":${JSON.stringify(times)}`));
});

test('a response that is too old is left out, or its certificate is not served, as the policy says', async (t) => {
  const authority = new Authority(t);
  const plain = authority.issue('plain', 1, 'subjectAltName=DNS:a.test');
  const demanding = authority.issue('demanding', 2, 'subjectAltName=DNS:a.test\ntlsfeature=status_request');
  const staple = { ocsp_staple: authority.answer('plain.der', 'plain') };
  const demanded = { ocsp_staple: authority.answer('demanding.der', 'demanding') };
  const clock = new TestClock(Date.now());
  const cases = [
    [{ ...plain, ...staple }, 'LENIENT_STAPLING', 'none'],
    [{ ...plain, ...staple }, 'STRICT_STAPLING', 'refused'],
    [{ ...plain, ...staple }, 'MUST_STAPLE', 'refused'],
    [{ ...demanding, ...demanded }, 'LENIENT_STAPLING', 'refused'],
  ] as const;
  const planes = await Promise.all(
    cases.map(([certificate, policy]) => serve(t, clock, [certificate], { ocsp_staple_policy: policy })),
  );
  for (const plane of planes) assert.ok(Buffer.isBuffer(await ask(plane)));
  clock.advance(3_700_000);
  for (const [i, plane] of planes.entries()) {
    const [, policy, expected] = cases[i] ?? [];
    assert.equal(await ask(plane), expected, policy ?? '');
    // Who does not ask is served.
    assert.equal(await ask(plane, false), 'none');
    assert.deepEqual(counts(plane), expected === 'none' ? [2, 1, 1, 0] : [2, 1, 0, 1]);
  }
});

test('who asks for a response gets the next certificate that may be shown, where there is one', async (t) => {
  const authority = new Authority(t);
  const exact = authority.issue('exact', 1, 'subjectAltName=DNS:a.test');
  const wild = authority.issue('wild', 2, 'subjectAltName=DNS:*.test');
  const other = authority.issue('other', 3, 'subjectAltName=DNS:b.other');
  const stapled = { ...exact, ocsp_staple: authority.answer('exact.der', 'exact') };
  const clock = new TestClock(Date.now());
  const strict = { ocsp_staple_policy: 'STRICT_STAPLING' };
  const scans = { ...strict, full_scan_certs_on_sni_mismatch: true };
  const wildcard = await serve(t, clock, [stapled, wild], strict);
  const scanned = await serve(t, clock, [stapled, other], scans);
  const first = await serve(t, clock, [stapled, other], strict);
  for (const plane of [wildcard, scanned, first]) assert.ok(Buffer.isBuffer(await ask(plane)));
  clock.advance(3_700_000);
  assert.equal(await ask(wildcard), 'none');
  assert.equal(await ask(scanned), 'none');
  // No certificate is for the name but the one that may not be shown: the first, as where nothing matches.
  assert.equal(await ask(first), 'refused');
  assert.deepEqual(counts(wildcard), [2, 1, 1, 0]);
  assert.deepEqual(counts(first), [2, 1, 0, 1]);
});

test('a response that cannot be used, or that is missing, is told with its place', (t) => {
  const authority = new Authority(t);
  const plain = authority.issue('plain', 1, 'subjectAltName=DNS:a.test');
  const demanding = authority.issue('demanding', 2, 'subjectAltName=DNS:a.test\ntlsfeature=status_request');
  const problemsOf = (certificate: object, policy = 'LENIENT_STAPLING'): readonly string[] =>
    listenerTlsProblems(new LazyOpenssl(), listenerWith([certificate], { ocsp_staple_policy: policy })).map(
      ({ path, message }) => `${path.slice(path.indexOf('tls_certificates'))}: ${message}`,
    );
  assert.deepEqual(problemsOf({ ...plain, ocsp_staple: authority.answer('d.der', 'demanding') }), [
    `tls_certificates[0].ocsp_staple: is of another certificate (${authority.file('d.der')}): its serial number is not 01`,
  ]);
  assert.deepEqual(problemsOf({ ...plain, ocsp_staple: authority.answer('b.der', 'plain', 'demanding') }), [
    `tls_certificates[0].ocsp_staple: is for more than one certificate (${authority.file('b.der')})`,
  ]);
  const [broken] = problemsOf({ ...plain, ocsp_staple: { filename: authority.file('plain.pem') } });
  assert.match(broken ?? '', /ocsp_staple: is no OCSP response: /);
  assert.deepEqual(problemsOf(plain, 'MUST_STAPLE'), [
    'tls_certificates[0]: must have an OCSP response (ocsp_staple): ocsp_staple_policy is MUST_STAPLE',
  ]);
  assert.deepEqual(problemsOf(demanding), [
    'tls_certificates[0]: must have an OCSP response (ocsp_staple): the certificate demands it (RFC 7633)',
  ]);
});
