import { X509Certificate, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { issueAuthority, issueLeaf, type KeyPair } from './issue-certificates.ts';

/** What the server shows and what it signs with. */
export interface Credentials {
  readonly authority: KeyPair;
  readonly server: KeyPair;
  readonly administrator: KeyPair;
  /** Signs the tokens of service accounts. */
  readonly tokenKey: KeyObject;
}

export interface CredentialOptions {
  readonly folder: string;
  /** Names and addresses at which the server answers. */
  readonly hosts: readonly string[];
  readonly nowMs: number;
}

/**
 * Reads the keys and certificates of a data directory and makes those that are missing, past half of their life,
 * or not good for the hosts asked for. Files are readable by their owner only.
 */
export function ensureCredentials(options: CredentialOptions): Credentials {
  const { folder, hosts, nowMs } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  let authority = readPair(folder, 'ca');
  if (authority === undefined || !isFresh(authority, nowMs)) {
    authority = writePair(folder, 'ca', issueAuthority('lateen-ca', nowMs));
  }
  let server = readPair(folder, 'apiserver');
  if (!isGood(server, authority, nowMs) || !hosts.every((host) => coversHost(server, host))) {
    const addresses = hosts.filter((host) => isIP(host) !== 0);
    const dnsNames = hosts.filter((host) => isIP(host) === 0);
    const issued = issueLeaf(authority, 'kube-apiserver', { kind: 'server', dnsNames, addresses }, nowMs);
    server = writePair(folder, 'apiserver', issued);
  }
  let administrator = readPair(folder, 'admin');
  if (!isGood(administrator, authority, nowMs)) {
    const purpose = { kind: 'client', organizations: ['system:masters'] } as const;
    administrator = writePair(folder, 'admin', issueLeaf(authority, 'kubernetes-admin', purpose, nowMs));
  }
  return { authority, server, administrator, tokenKey: readTokenKey(folder) };
}

function readTokenKey(folder: string): KeyObject {
  const file = join(folder, 'sa.key');
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeSecret(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
  return createPrivateKey(readFileSync(file));
}

function readPair(folder: string, name: string): KeyPair | undefined {
  try {
    const certificate = readFileSync(join(folder, `${name}.crt`), 'utf8');
    const key = readFileSync(join(folder, `${name}.key`), 'utf8');
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
      ? { certificate, key }
      : undefined;
  } catch {
    // Missing or half written: made anew.
    return undefined;
  }
}

function writePair(folder: string, name: string, pair: KeyPair): KeyPair {
  writeSecret(join(folder, `${name}.key`), pair.key);
  writeSecret(join(folder, `${name}.crt`), pair.certificate);
  return pair;
}

/** Whole or not at all, also when the process dies in between. */
function writeSecret(file: string, text: string): void {
  const temporary = `${file}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

/** Less than half of its life is over. */
function isFresh(pair: KeyPair, nowMs: number): boolean {
  const { validFromDate, validToDate } = new X509Certificate(pair.certificate);
  return nowMs < (validFromDate.getTime() + validToDate.getTime()) / 2;
}

function isGood(pair: KeyPair | undefined, authority: KeyPair, nowMs: number): pair is KeyPair {
  if (pair === undefined || !isFresh(pair, nowMs)) return false;
  const issuer = new X509Certificate(authority.certificate);
  return new X509Certificate(pair.certificate).verify(issuer.publicKey);
}

function coversHost(pair: KeyPair | undefined, host: string): boolean {
  if (pair === undefined) return false;
  const certificate = new X509Certificate(pair.certificate);
  return isIP(host) === 0
    ? certificate.checkHost(host) !== undefined
    : certificate.checkIP(host) !== undefined;
}
