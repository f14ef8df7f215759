import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusalText } from './refusal-text.ts';

const names = { uri: ['spiffe://a/b'], dns: ['a.test', 'b.test'], email: [], ip: ['127.0.0.1'] };
const peer = { chainFailure: undefined, names, serverName: 'c.test' };
const verify = 'TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:';

test('a refused peer is told of with what its certificate says, and what it had to say', () => {
  assert.equal(
    refusalText('wrong_name', peer),
    `${verify}verify cert failed: SAN matcher, certificate SANs are [a.test, b.test, spiffe://a/b, 127.0.0.1]:TLS_error_end`,
  );
  assert.equal(
    refusalText('wrong_server_name', peer),
    `${verify}verify cert failed: verify SAN list, expected SANs: [c.test], certificate SANs: [a.test, b.test, spiffe://a/b, 127.0.0.1]:TLS_error_end`,
  );
  assert.equal(
    refusalText('untrusted', { ...peer, chainFailure: 'the chain' }),
    `${verify}verify cert failed: the chain:TLS_error_end`,
  );
  assert.equal(refusalText('untrusted', peer), `${verify}TLS_error_end`);
  assert.equal(
    refusalText('no_certificate', { ...peer, names: undefined }),
    'TLS_error:|268435648:SSL routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE:peer did not provide required client certificate:TLS_error_end',
  );
});
