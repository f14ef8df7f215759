import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Acquaintance } from '../codec/acquaintance.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { ForwardClientCert } from '../model/network-filter.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { compileForwardedClientCert } from './forward-client-cert.ts';

const der = Buffer.from('not a certificate, but bytes of one');
const hash = createHash('sha256').update(der).digest('hex');
const tls: TlsInfo = {
  alpn: '',
  sni: '',
  version: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  sessionReused: false,
  sessionId: '',
  acquaintance: new Acquaintance(''),
  peerUriSans: ['spiffe://cluster.local/ns/a/sa/b'],
  peerDnsSans: ['one.a', 'two.a'],
  peerSubject: 'CN=say "hi",O=a\\b',
  peerCertificate: { der, fingerprint: hash, names: undefined },
  peerChain: [der, Buffer.from('its issuer')],
  own: { uriSans: ['spiffe://cluster.local/ns/x/sa/y'], dnsSans: [], subject: '' },
};
const nothing: ForwardClientCert = {
  mode: 'sanitize_set',
  subject: false,
  cert: false,
  chain: false,
  dns: false,
  uri: false,
};

function after(
  options: Partial<ForwardClientCert>,
  info: TlsInfo | undefined,
  before?: string,
): string | undefined {
  const headers = new HeaderBlock();
  if (before !== undefined) headers.add(names.forwardedClientCert, before);
  compileForwardedClientCert({ ...nothing, ...options })(headers, info);
  return headers.get(names.forwardedClientCert);
}

test('an element has the parts that are asked for, in the order of Envoy, quoted and escaped', () => {
  const by = 'By=spiffe://cluster.local/ns/x/sa/y';
  assert.equal(after({}, tls), `${by};Hash=${hash}`);
  const pem = `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const all = after({ cert: true, chain: true, subject: true, uri: true, dns: true }, tls) ?? '';
  assert.ok(
    all.startsWith(`${by};Hash=${hash};Cert="${encodeURIComponent(pem)}";Chain="${encodeURIComponent(pem)}`),
  );
  assert.ok(
    all.endsWith(
      ';Subject="CN=say \\"hi\\",O=a\\\\b";URI=spiffe://cluster.local/ns/a/sa/b;DNS=one.a;DNS=two.a',
    ),
  );
  assert.equal(all.split('BEGIN').length, 4, 'the certificate, and the two of the chain');
});

test('each mode treats what was there, and what is to be added, in its way', () => {
  const own = `By=spiffe://cluster.local/ns/x/sa/y;Hash=${hash}`;
  const cases: readonly [ForwardClientCert['mode'], string | undefined, string | undefined][] = [
    ['sanitize', undefined, undefined],
    ['forward_only', 'before', undefined],
    ['append_forward', `before,${own}`, undefined],
    ['sanitize_set', own, undefined],
    ['always_forward_only', 'before', 'before'],
  ];
  for (const [mode, mutual, plain] of cases) {
    assert.equal(after({ mode }, tls, 'before'), mutual, mode);
    assert.equal(after({ mode }, undefined, 'before'), plain, `${mode} without TLS`);
  }
});
