import { addressText } from '../../model/address-bytes.ts';
import type { AlternativeNames, ShownCertificate } from '../../wire/tls-info.ts';
import { sha256 } from './digest.ts';
import type { Library, OpensslFunctions, Pointer } from './functions.ts';
import { memoryOf } from './memory-of.ts';
import { readCertificate } from './pem.ts';

/** NID_subject_alt_name, and NID_commonName. */
const alternativeNames = 85;
const commonName = 13;
/** GEN_EMAIL, GEN_DNS, GEN_URI and GEN_IPADD. */
const kinds: Readonly<Record<number, keyof AlternativeNames>> = { 1: 'email', 2: 'dns', 6: 'uri', 7: 'ip' };
/** XN_FLAG_RFC2253, as in Envoy. */
const rfc2253 = 0x111_0317;
/** A name has 64 characters at most (RFC 5280, appendix A), which are four bytes each in UTF-8. */
const commonNameBytes = 257;
const groupNameBytes = 64;
/** Ints of a `struct tm`, with what follows them. */
const timeBytes = 64;

/** A certificate as OpenSSL has read it (RFC 5280). */
export class Certificate implements ShownCertificate {
  readonly der: Buffer;
  /** Undefined where it has none at all, or such as OpenSSL cannot read. */
  readonly names: AlternativeNames | undefined;
  /** As RFC 2253 has it: the most particular first. */
  readonly subject: string;
  readonly #library: Library;

  private constructor(library: Library, pointer: Pointer) {
    const { functions: c } = library;
    this.#library = library;
    this.der = memoryOf(c, (bio) => c.i2d_X509_bio(bio, pointer));
    this.names = readNames(library, pointer);
    this.subject = readSubject(c, pointer);
  }

  /** Reads a certificate, which stays the caller's. */
  static of(library: Library, pointer: Pointer): Certificate {
    return new Certificate(library, pointer);
  }

  /** The first certificate of a text in PEM; undefined where it cannot be read. */
  static fromPem(library: Library, pem: Buffer): Certificate | undefined {
    return withFirst(library.functions, pem, (pointer) => new Certificate(library, pointer));
  }

  /** SHA-256 of all of it, in lower-case hexadecimal. */
  get fingerprint(): string {
    return sha256(this.#library.functions, this.der).toString('hex');
  }

  /** SHA-256 of its public key with what kind of key it is (SubjectPublicKeyInfo), in base64. */
  get keyFingerprint(): string {
    const { functions: c } = this.#library;
    const key = this.#read((pointer) =>
      memoryOf(c, (bio) => c.i2d_PUBKEY_bio(bio, c.X509_get0_pubkey(pointer))),
    );
    return sha256(c, key).toString('base64');
  }

  /** The first in its subject; undefined for none. */
  get commonName(): string | undefined {
    const { functions: c } = this.#library;
    const text = Buffer.alloc(commonNameBytes);
    const length = this.#read((pointer) =>
      c.X509_NAME_get_text_by_NID(c.X509_get_subject_name(pointer), commonName, text, text.length),
    );
    return length < 0 ? undefined : text.toString('utf8', 0, length);
  }

  /** OpenSSL's name for the curve of its key; undefined for a key of another kind. */
  get curve(): string | undefined {
    const { functions: c } = this.#library;
    const text = Buffer.alloc(groupNameBytes);
    const length = [0];
    const found = this.#read((pointer) =>
      c.EVP_PKEY_get_group_name(c.X509_get0_pubkey(pointer), text, text.length, length),
    );
    c.ERR_clear_error();
    return found === 1 ? text.toString('latin1', 0, length[0]) : undefined;
  }

  #read<T>(read: (pointer: Pointer) => T): T {
    const { functions: c } = this.#library;
    const bio = c.BIO_new_mem_buf(this.der, this.der.length);
    const pointer = c.d2i_X509_bio(bio, null);
    c.BIO_free(bio);
    try {
      return read(pointer);
    } finally {
      c.X509_free(pointer);
    }
  }
}

/** The names of a certificate by kind; undefined where it has none, or such as OpenSSL cannot read. */
export function readNames(
  { functions: c, koffi }: Library,
  certificate: Pointer,
): AlternativeNames | undefined {
  const list = c.X509_get_ext_d2i(certificate, alternativeNames, null, null);
  if (list === null || list === 0n) return undefined;
  const names = { uri: [] as string[], dns: [] as string[], email: [] as string[], ip: [] as string[] };
  const type = [0];
  for (let i = 0; i < c.OPENSSL_sk_num(list); i++) {
    const value = c.GENERAL_NAME_get0_value(c.OPENSSL_sk_value(list, i), type);
    const kind = kinds[type[0] as number];
    if (kind === undefined) continue;
    const length = c.ASN1_STRING_length(value);
    const bytes =
      length === 0 ? Buffer.alloc(0) : Buffer.from(koffi.view(c.ASN1_STRING_get0_data(value), length));
    names[kind].push(kind === 'ip' ? addressText(bytes) : bytes.toString('latin1'));
  }
  c.GENERAL_NAMES_free(list);
  return names;
}

function readSubject(c: OpensslFunctions, certificate: Pointer): string {
  return memoryOf(c, (bio) =>
    c.X509_NAME_print_ex(bio, c.X509_get_subject_name(certificate), 0, rfc2253),
  ).toString('utf8');
}

/** When the first certificate of a text in PEM ends, milliseconds since 1970; undefined where it cannot be read. */
export function certificateEndMs(c: OpensslFunctions, pem: Buffer): number | undefined {
  return withFirst(c, pem, (pointer) => {
    const time = Buffer.alloc(timeBytes);
    if (c.ASN1_TIME_to_tm(c.X509_get0_notAfter(pointer), time) !== 1) return undefined;
    const field = (index: number): number => time.readInt32LE(index * 4);
    return Date.UTC(field(5) + 1900, field(4), field(3), field(2), field(1), field(0));
  });
}

function withFirst<T>(c: OpensslFunctions, pem: Buffer, read: (pointer: Pointer) => T): T | undefined {
  c.ERR_clear_error();
  const pointer = readCertificate({ c }, pem);
  c.ERR_clear_error();
  if (pointer === undefined) return undefined;
  try {
    return read(pointer);
  } finally {
    c.X509_free(pointer);
  }
}
