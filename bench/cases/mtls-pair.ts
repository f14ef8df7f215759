import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestAuthority } from '@lateen/testkit';
import { fetchOnce } from '../http-check.ts';
import { envoy, haproxy, lateen, nginx } from '../peer.ts';
import type { Lineup } from '../lineup.ts';
import { proxyCase } from '../proxy-case.ts';
import { answerBytes } from '../upstream.ts';

const config = (name: string): string => fileURLToPath(new URL(`mtls-pair/${name}`, import.meta.url));

export const pairPath = '/reviews/7';
export const pairHeaders = { Host: 'reviews.example' };
const connections = 32;

/** Pairs of proxies, the client's first. */
export const pairLineups: readonly Lineup[] = [
  { peer: lateen, configs: [config('client.yaml'), config('server.yaml')] },
  { peer: haproxy, configs: [config('client.cfg'), config('server.cfg')] },
  { peer: envoy, configs: [config('client.yaml'), config('server.yaml')] },
  { peer: nginx, configs: [config('client.conf'), config('server.conf')] },
];

/** Two proxies in a row with mutual TLS between them, as between two sidecars; both on one core. */
export const mtlsPair = proxyCase({
  name: 'mtls-pair',
  summary: `HTTP/1.1 through two proxies with mTLS between, ${connections} connections, ${answerBytes} bytes, one core for both`,
  lineups: pairLineups,
  path: pairPath,
  headers: pairHeaders,
  connections,
  check: checkPair,
  countsRequests: true,
  values: writeCertificates,
});

/** Writes the certificates of both sides; their files by the names that the templates have for them. */
export async function writeCertificates(workDir: string): Promise<Readonly<Record<string, string>>> {
  const authority = await createTestAuthority();
  const files: Record<string, string> = { root: join(workDir, 'root.pem') };
  writeFileSync(files['root'] ?? '', authority.root);
  for (const side of ['client', 'server']) {
    const { cert, key } = await authority.issue({ dns: [`${side}.example`] });
    for (const [part, text] of [
      ['cert', cert],
      ['key', key],
      // haproxy wants both in one file.
      ['both', `${cert}\n${key}`],
    ] as const) {
      const file = join(workDir, `${side}-${part}.pem`);
      writeFileSync(file, text, { mode: 0o600 });
      files[`${side}_${part}`] = file;
    }
  }
  return files;
}

/** Throws where the answer does not come through. */
export async function checkPair(name: string, port: number): Promise<void> {
  const answer = await fetchOnce(port, pairPath, pairHeaders);
  if (answer.status !== 200 || answer.bodyBytes !== answerBytes) {
    throw new Error(`${name} answers ${answer.status} with ${answer.bodyBytes} bytes`);
  }
}
