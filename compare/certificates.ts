import { createTestAuthority, type TestCertificate } from '@lateen/testkit';

const root = await createTestAuthority();
const other = await createTestAuthority('Other root');
const issue = (dns: string, uri: string): Promise<TestCertificate> => root.issue({ dns: [dns], uris: [uri] });
const spiffe = (account: string): string => `spiffe://cluster.local/ns/default/sa/${account}`;
const below = await root.issueAuthority('Below');

/** Roots and certificates that setups share, made anew in each run. */
export const certificates = {
  root: root.root,
  otherRoot: other.root,
  proxy: await issue('proxy.test', spiffe('proxy')),
  proxyRsa: await root.issue({ dns: ['rsa.test'], key: 'RSA' }),
  second: await issue('second.test', spiffe('second')),
  client: await issue('client.test', spiffe('client')),
  /** Below an authority of its own, with several names. */
  deep: await below.issue({ dns: ['deep.test', 'deeper.test'], uris: [spiffe('deep'), spiffe('deeper')] }),
  dnsOnly: await root.issue({ dns: ['only.test', 'client.test'] }),
  nameless: await root.issue({ ips: ['127.0.0.1'] }),
  expired: await root.issue({
    dns: ['expired.test'],
    uris: [spiffe('client')],
    notAfter: new Date(Date.now() - 60_000),
  }),
  early: await root.issue({
    dns: ['early.test'],
    uris: [spiffe('client')],
    notBefore: new Date(Date.now() + 60_000),
  }),
  stranger: await other.issue({ dns: ['client.test'], uris: [spiffe('client')] }),
};

/** A `DataSource`. */
export const inline = (text: string): object => ({ inline_string: text });

/** `tls_certificates`. */
export const shows = (...all: readonly TestCertificate[]): object => ({
  tls_certificates: all.map(({ cert, key }) => ({
    certificate_chain: inline(cert),
    private_key: inline(key),
  })),
});
