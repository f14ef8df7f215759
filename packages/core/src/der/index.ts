export { parsePem, toPem, type PemBlock } from './pem.ts';
export { DerError, DerReader, dottedOid } from './reader.ts';
export {
  bitString,
  boolean,
  der,
  explicit,
  implicit,
  namedBits,
  nullValue,
  octetString,
  oid,
  sequence,
  set,
  time,
  unsignedInteger,
  utf8String,
} from './writer.ts';
