import { X509Certificate } from 'node:crypto';
import { ok, problem, problems, type Problem, type Result } from '@lateen/core';
import type { DataSource, TlsCertificate } from '../model/tls.ts';
import { placeOf, readDataSource } from './data-source.ts';
import { readOcspResponse, type OcspResponse } from './ocsp-response.ts';
import type { Openssl } from './openssl/openssl.ts';
import { readPkcs12 } from './openssl/pkcs12.ts';
import { isKeyOf, whyChainUnusable, whyKeyUnusable } from './openssl/usable.ts';
import { brokenCertificates } from './pem-certificates.ts';

/** A certificate chain with its key, read and found to belong together. */
export interface LoadedCertificate {
  readonly chain: Buffer;
  readonly privateKey: Buffer;
  readonly passphrase: string | undefined;
  readonly ocsp?: OcspResponse;
}

/** Reads a certificate, its key and its OCSP response; a problem where they do not belong together. */
export function loadCertificate(
  openssl: Openssl,
  model: TlsCertificate,
  path: string,
): Result<LoadedCertificate> {
  const read = readCertificate(model, path);
  if (!read.ok) return read;
  // What a bundle holds OpenSSL has put together.
  const reason = model.format === 'pkcs12' ? undefined : whyUnusable(openssl, model, read.value);
  if (reason !== undefined) return problem(`${path}.${reason.field}`, reason.message);
  if (model.ocspResponse === undefined) return read;
  const ocsp = loadOcspResponse(model.ocspResponse, read.value.chain, `${path}.ocsp_staple`);
  return ocsp.ok ? ok({ ...read.value, ocsp: ocsp.value }) : ocsp;
}

function loadOcspResponse(source: DataSource, chain: Buffer, path: string): Result<OcspResponse> {
  const bytes = readDataSource(source, path);
  if (!bytes.ok) return bytes;
  const response = readOcspResponse(bytes.value);
  if (!response.ok) {
    const message = response.problems.map((one) => one.message).join('; ');
    return problem(path, `${message}${placeOf(source)}`);
  }
  const { serialNumber } = new X509Certificate(chain);
  if (BigInt(`0x${serialNumber}`) === response.value.serialNumber) return response;
  return problem(
    path,
    `is of another certificate${placeOf(source)}: its serial number is not ${serialNumber}`,
  );
}

/** Reads a certificate and its key, and does not look at what they are. */
export function readCertificate(model: TlsCertificate, path: string): Result<LoadedCertificate> {
  const password =
    model.password === undefined ? undefined : readDataSource(model.password, `${path}.password`);
  const passphrase = password?.ok === true ? password.value.toString('utf8') : undefined;
  const wrong: Problem[] = password?.ok === false ? [...password.problems] : [];
  if (model.format === 'pkcs12') {
    const bundle = readDataSource(model.chain, `${path}.pkcs12`);
    if (!bundle.ok) wrong.push(...bundle.problems);
    if (!bundle.ok || wrong.length > 0) return problems(wrong);
    const contents = readPkcs12(bundle.value, passphrase ?? '');
    if (contents.ok) return ok({ ...contents.value, passphrase: undefined });
    const message = contents.problems.map((one) => one.message).join('; ');
    return problem(`${path}.pkcs12`, `${message}${placeOf(model.chain)}`);
  }
  const chain = readDataSource(model.chain, `${path}.certificate_chain`);
  const key = readDataSource(model.privateKey, `${path}.private_key`);
  for (const result of [chain, key]) if (!result.ok) wrong.push(...result.problems);
  if (!chain.ok || !key.ok || wrong.length > 0) return problems(wrong);
  return ok({ chain: chain.value, privateKey: key.value, passphrase });
}

/** The certificates as they are now, PEM. */
export function readChain(model: TlsCertificate): Result<Buffer> {
  if (model.format !== 'pkcs12') return readDataSource(model.chain, '');
  const read = readCertificate(model, '');
  return read.ok ? ok(read.value.chain) : read;
}

/** Which of the two cannot be used, and why; undefined where both can, together. */
function whyUnusable(
  openssl: Openssl,
  model: TlsCertificate,
  { chain, privateKey, passphrase }: LoadedCertificate,
): { readonly field: string; readonly message: string } | undefined {
  const chainError = brokenCertificates(openssl, chain) ?? whyChainUnusable(openssl, chain);
  if (chainError !== undefined) {
    const message = `holds no certificates in PEM that can be used${placeOf(model.chain)}: ${chainError}`;
    return { field: 'certificate_chain', message };
  }
  const keyError = whyKeyUnusable(openssl, privateKey, passphrase);
  if (keyError !== undefined) {
    const message = `holds no key in PEM that can be used${placeOf(model.privateKey)}: ${keyError}`;
    return { field: 'private_key', message };
  }
  if (isKeyOf(openssl, chain, privateKey, passphrase)) return undefined;
  const message = `is not the key of the certificate${placeOf(model.privateKey)}: give the one that it was issued for`;
  return { field: 'private_key', message };
}
