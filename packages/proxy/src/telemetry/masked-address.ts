import { isIP } from 'node:net';
import { ok, problem, type Result } from '@lateen/core';
import { addressBytes, addressText } from '../model/address-bytes.ts';
import type { Operator } from './format-operator.ts';

/** The network of an address, `10.1.0.0/16` of `10.1.10.23`; undefined where it is none. IPv4 has 32 bits at most. */
function networkOf(text: string, bits: number): string | undefined {
  const address = text.replace(/^\[|\]$/g, '');
  if (isIP(address) === 0) return undefined;
  const bytes = addressBytes(address);
  const kept = Math.min(bits, bytes.length * 8);
  for (let i = 0; i < bytes.length; i++) {
    const ofByte = Math.max(0, Math.min(8, kept - 8 * i));
    bytes[i] = (bytes[i] as number) & (0xff << (8 - ofByte));
  }
  return `${addressText(bytes)}/${kept}`;
}

/** `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(MASK_PREFIX_LEN)%` and its like, of an operator that gives the address. */
export function maskedAddress(name: string, read: Operator, argument: string): Result<Operator> {
  const bits = Number(argument);
  if (!/^\d{1,3}$/.test(argument) || bits > 128)
    return problem('', `%${name}(${argument})%: what is meant is a number of bits from 0 to 128`);
  return ok((info) => {
    const address = read(info);
    return address === undefined ? undefined : networkOf(String(address), bits);
  });
}
