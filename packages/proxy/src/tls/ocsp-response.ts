import { ok, problem, type Result } from '@lateen/core';
import { DerError, DerReader } from '@lateen/core/der';

/** What an authority says of one certificate (OCSP, RFC 6960), as it is to be shown to clients. */
export interface OcspResponse {
  readonly der: Buffer;
  /** Of the certificate. */
  readonly serialNumber: bigint;
  readonly validFromMs: number;
  /** From then on it is too old; the beginning of time where it does not say when the next one comes. */
  readonly validUntilMs: number;
}

const tag = { integer: 0x02, octets: 0x04, oid: 0x06, enumerated: 0x0a, time: 0x18, first: 0xa0 } as const;
/** id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1. */
const basicResponse = Buffer.from('2b0601050507300101', 'hex');

/**
 * Reads a response (DER), which must be of success and for one certificate. Its signature is not verified, nor whether it
 * says that the certificate is revoked, as Envoy does neither: that is for clients to do.
 */
export function readOcspResponse(der: Buffer): Result<OcspResponse> {
  try {
    return parse(der);
  } catch (error) {
    if (error instanceof DerError) return problem('', `is no OCSP response: ${error.message}`);
    throw error;
  }
}

function parse(der: Buffer): Result<OcspResponse> {
  const whole = new DerReader(der);
  const response = whole.sequence('the response');
  whole.end('the response');
  const status = response.expect(tag.enumerated, 'the status').content;
  if (status.length !== 1 || status[0] !== 0)
    return problem('', `says that the authority has no answer (status ${status[0]})`);
  const bytes = new DerReader(response.expect(tag.first, 'the answer').content).sequence('the answer');
  if (!bytes.expect(tag.oid, 'the kind of answer').content.equals(basicResponse))
    return problem('', 'is of a kind other than id-pkix-ocsp-basic');
  const basic = new DerReader(bytes.expect(tag.octets, 'the answer').content).sequence('the answer');
  const data = basic.sequence('what is signed');
  // The version where it is not the first one, then who answers, by name [1] or by key [2].
  if (data.any().tag === tag.first) data.any();
  data.expect(tag.time, 'the time of the answer');
  const list = data.sequence('the certificates');
  const one = list.sequence('the certificate');
  if (!list.atEnd) return problem('', 'is for more than one certificate');
  const id = one.sequence("the certificate's id");
  id.sequence('the hash');
  id.expect(tag.octets, "the issuer's name");
  id.expect(tag.octets, "the issuer's key");
  const serial = id.expect(tag.integer, 'the serial number').content;
  if (serial.length === 0) throw new DerError('the serial number is empty');
  one.any();
  const validFromMs = timeOf(one.expect(tag.time, 'the time of the status').content);
  const next = one.atEnd ? undefined : one.any();
  const validUntilMs =
    next?.tag === tag.first
      ? timeOf(new DerReader(next.content).expect(tag.time, 'the next time').content)
      : 0;
  return ok({ der, serialNumber: BigInt(`0x${serial.toString('hex')}`), validFromMs, validUntilMs });
}

/** `20261127120000Z` (RFC 5280 section 4.1.2.5.2). */
function timeOf(content: Buffer): number {
  const text = content.toString('latin1');
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) throw new DerError(`"${text}" is no time`);
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hours, minutes, seconds);
}
