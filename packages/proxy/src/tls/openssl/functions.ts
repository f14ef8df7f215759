import { createRequire } from 'node:module';
import { LateenError, messageOf } from '@lateen/core';
import type * as koffiModule from 'koffi';

/** An address in native memory; 0 for none. */
export type Pointer = bigint;

type Bytes = Uint8Array;
type Ssl = Pointer;
/** A pointer as a number. */
type Address = number;

/** The functions of OpenSSL that TLS connections are made of, by their names in C. */
export interface OpensslFunctions {
  TLS_method(): Pointer;
  SSL_CTX_new(method: Pointer): Pointer;
  SSL_CTX_free(context: Pointer): void;
  SSL_CTX_ctrl(context: Pointer, command: number, number: number, value: Pointer | Bytes | null): number;
  SSL_CTX_set_options(context: Pointer, options: number): number;
  SSL_CTX_set_cipher_list(context: Pointer, ciphers: string): number;
  SSL_CTX_set_ciphersuites(context: Pointer, suites: string): number;
  SSL_CTX_use_certificate(context: Pointer, certificate: Pointer): number;
  SSL_CTX_use_PrivateKey(context: Pointer, key: Pointer): number;
  SSL_CTX_get_cert_store(context: Pointer): Pointer;
  SSL_CTX_set_verify_depth(context: Pointer, depth: number): void;
  SSL_CTX_add_client_CA(context: Pointer, certificate: Pointer): number;
  SSL_CTX_set_session_id_context(context: Pointer, id: Bytes, length: number): number;
  SSL_CTX_set_timeout(context: Pointer, seconds: number): number;
  SSL_CTX_set_num_tickets(context: Pointer, count: number): number;
  SSL_CTX_set_alpn_select_cb(context: Pointer, callback: Pointer, list: Pointer): void;
  SSL_CTX_set_cert_verify_callback(context: Pointer, callback: Pointer, argument: Pointer | null): void;
  SSL_CTX_set_client_hello_cb(context: Pointer, callback: Pointer, argument: null): void;
  SSL_client_hello_get0_ciphers(ssl: Ssl, at: Pointer[]): number;
  SSL_client_hello_get0_ext(ssl: Ssl, type: number, at: Pointer[], length: number[]): number;
  SSL_use_cert_and_key(
    ssl: Ssl,
    certificate: Pointer,
    key: Pointer,
    issuers: Pointer,
    replaces: number,
  ): number;
  SSL_get_certificate(ssl: Ssl): Pointer;
  SSL_CTX_callback_ctrl(context: Pointer, command: number, callback: Pointer): number;
  SSL_get_SSL_CTX(ssl: Ssl): Pointer;
  EVP_aes_256_cbc(): Pointer;
  EVP_sha256(): Pointer;
  EVP_EncryptInit_ex(cipher: Pointer, type: Pointer, engine: null, key: Bytes, iv: Pointer): number;
  EVP_DecryptInit_ex(cipher: Pointer, type: Pointer, engine: null, key: Bytes, iv: Pointer): number;
  HMAC_Init_ex(hmac: Pointer, key: Bytes, length: number, digest: Pointer, engine: null): number;
  RAND_bytes(into: Pointer, length: number): number;
  X509_STORE_new(): Pointer;
  X509_STORE_free(store: Pointer): void;
  X509_STORE_add_cert(store: Pointer, certificate: Pointer): number;
  X509_STORE_add_crl(store: Pointer, list: Pointer): number;
  X509_STORE_set_flags(store: Pointer, flags: number): number;
  X509_STORE_CTX_new(): Pointer;
  X509_STORE_CTX_init(verification: Pointer, store: Pointer, leaf: Pointer, untrusted: Pointer): number;
  X509_STORE_CTX_free(verification: Pointer): void;
  X509_STORE_CTX_get0_cert(verification: Pointer): Pointer;
  X509_STORE_CTX_get0_untrusted(verification: Pointer): Pointer;
  X509_STORE_CTX_get0_param(verification: Pointer): Pointer;
  X509_STORE_CTX_set_verify_cb(verification: Pointer, callback: Pointer): void;
  X509_VERIFY_PARAM_set1(to: Pointer, from: Pointer): number;
  X509_verify_cert(verification: Pointer): number;
  X509_check_private_key(certificate: Pointer, key: Pointer): number;
  X509_get_extension_flags(certificate: Pointer): number;
  X509_get_key_usage(certificate: Pointer): number;
  X509_STORE_CTX_get_error(verification: Pointer): number;
  X509_STORE_CTX_get_error_depth(verification: Pointer): number;
  X509_verify_cert_error_string(error: number): string;
  X509_STORE_CTX_set_error(verification: Pointer, error: number): void;
  PEM_read_bio_X509(bio: Pointer, into: null, callback: null, argument: null): Pointer;
  PEM_read_bio_X509_CRL(bio: Pointer, into: null, callback: null, argument: null): Pointer;
  PEM_read_bio_PrivateKey(bio: Pointer, into: null, callback: null, passphrase: string | null): Pointer;
  d2i_X509_bio(bio: Pointer, into: null): Pointer;
  X509_get_subject_name(certificate: Pointer): Pointer;
  X509_get0_notAfter(certificate: Pointer): Pointer;
  X509_get0_pubkey(certificate: Pointer): Pointer;
  X509_get_ext_d2i(certificate: Pointer, nid: number, critical: null, index: null): Pointer | null;
  X509_NAME_print_ex(bio: Pointer, name: Pointer, indent: number, flags: number): number;
  X509_NAME_get_text_by_NID(name: Pointer, nid: number, into: Bytes, length: number): number;
  GENERAL_NAME_get0_value(name: Pointer, type: number[]): Pointer;
  GENERAL_NAMES_free(names: Pointer): void;
  ASN1_STRING_length(text: Pointer): number;
  ASN1_STRING_get0_data(text: Pointer): Pointer;
  ASN1_TIME_to_tm(time: Pointer, into: Bytes): number;
  X509_free(certificate: Pointer): void;
  X509_CRL_free(list: Pointer): void;
  EVP_PKEY_free(key: Pointer): void;
  i2d_X509_bio(bio: Pointer, certificate: Pointer): number;
  i2d_PUBKEY_bio(bio: Pointer, key: Pointer): number;
  PEM_write_bio_PrivateKey(
    bio: Pointer,
    key: Pointer,
    cipher: null,
    password: null,
    length: 0,
    ask: null,
    more: null,
  ): number;
  EVP_PKEY_get_group_name(key: Pointer, into: Bytes, length: number, written: number[]): number;
  EVP_Digest(bytes: Bytes, length: number, into: Bytes, written: null, type: Pointer, engine: null): number;
  BIO_s_mem(): Pointer;
  BIO_new(method: Pointer): Pointer;
  BIO_new_mem_buf(bytes: Bytes, length: number): Pointer;
  BIO_free(bio: Pointer): number;
  BIO_up_ref(bio: Pointer): number;
  BIO_ctrl(bio: Pointer, command: number, number: number, value: null): number;
  BIO_get_data(bio: Pointer): Pointer;
  BIO_read(bio: Pointer, into: Bytes, length: number): number;
  BIO_write(bio: Pointer, bytes: Bytes, length: number): number;
  SSL_new(context: Pointer): Ssl;
  SSL_free(ssl: Ssl): void;
  SSL_set_bio(ssl: Ssl, read: Pointer, write: Pointer): void;
  SSL_set_accept_state(ssl: Ssl): void;
  SSL_set_connect_state(ssl: Ssl): void;
  SSL_set_verify(ssl: Ssl, mode: number, callback: Pointer): void;
  SSL_set_host(ssl: Ssl, command: number, type: number, name: string): number;
  SSL_set_alpn_protos(ssl: Ssl, protocols: Bytes, length: number): number;
  SSL_set_session(ssl: Ssl, session: Pointer): number;
  SSL_do_handshake(ssl: Ssl): number;
  SSL_read(ssl: Address, into: Address, length: number): number;
  SSL_write(ssl: Address, bytes: Address, length: number): number;
  SSL_get_error(ssl: Ssl, result: number): number;
  SSL_shutdown(ssl: Ssl): number;
  SSL_get_shutdown(ssl: Ssl): number;
  SSL_set_shutdown(ssl: Ssl, mode: number): void;
  SSL_get_verify_result(ssl: Ssl): number;
  SSL_get_version(ssl: Ssl): string;
  SSL_get_client_random(ssl: Ssl, bytes: Buffer, length: number): number;
  SSL_get_current_cipher(ssl: Ssl): Pointer;
  SSL_get_pending_cipher(ssl: Ssl): Pointer;
  SSL_get_peer_signature_type_nid(ssl: Ssl, type: number[]): number;
  SSL_get_peer_digest(ssl: Ssl, command: number, number: number, digest: Bytes): number;
  SSL_CIPHER_get_name(cipher: Pointer): string;
  SSL_session_reused(ssl: Ssl): number;
  SSL_get1_session(ssl: Ssl): Pointer;
  SSL_get_session(ssl: Ssl): Pointer;
  SSL_SESSION_get_id(session: Pointer, length: number[]): Pointer;
  SSL_SESSION_is_resumable(session: Pointer): number;
  SSL_SESSION_free(session: Pointer): void;
  SSL_get0_alpn_selected(ssl: Ssl, protocol: Pointer[], length: number[]): void;
  SSL_get1_peer_certificate(ssl: Ssl): Pointer;
  SSL_get_peer_cert_chain(ssl: Ssl): Pointer;
  OPENSSL_sk_new_null(): Pointer;
  OPENSSL_sk_push(stack: Pointer, item: Pointer): number;
  OPENSSL_sk_free(stack: Pointer): void;
  OPENSSL_sk_num(stack: Pointer): number;
  OPENSSL_sk_value(stack: Pointer, at: number): Pointer;
  CRYPTO_malloc(length: number, file: null, line: 0): Pointer;
  CRYPTO_free(memory: Pointer, file: null, line: 0): void;
  SSL_ctrl(ssl: Ssl, command: number, number: number, value: Pointer): number;
  SSL_CTX_set_keylog_callback(context: Pointer, callback: Pointer): void;
  ERR_get_error(): number;
  ERR_clear_error(): void;
  ERR_error_string_n(error: number, into: Bytes, length: number): void;
}

const ptr = 'void *';
/** The same as a number, which koffi passes on quicker: for what each read and write calls. */
const address = 'uintptr_t';

/** Result and arguments of each, as koffi takes them; `as` where the name in C is another. */
const signatures: Readonly<
  Record<keyof OpensslFunctions, readonly [result: string, args: readonly string[], as?: string]>
> = {
  TLS_method: [ptr, []],
  SSL_CTX_new: [ptr, [ptr]],
  SSL_CTX_free: ['void', [ptr]],
  SSL_CTX_ctrl: ['long', [ptr, 'int', 'long', ptr]],
  SSL_CTX_set_options: ['uint64_t', [ptr, 'uint64_t']],
  SSL_CTX_set_cipher_list: ['int', [ptr, 'str']],
  SSL_CTX_set_ciphersuites: ['int', [ptr, 'str']],
  SSL_CTX_use_certificate: ['int', [ptr, ptr]],
  SSL_CTX_use_PrivateKey: ['int', [ptr, ptr]],
  SSL_CTX_get_cert_store: [ptr, [ptr]],
  SSL_CTX_set_verify_depth: ['void', [ptr, 'int']],
  SSL_CTX_add_client_CA: ['int', [ptr, ptr]],
  SSL_CTX_set_session_id_context: ['int', [ptr, ptr, 'uint']],
  SSL_CTX_set_timeout: ['long', [ptr, 'long']],
  SSL_CTX_set_num_tickets: ['int', [ptr, 'size_t']],
  SSL_CTX_set_alpn_select_cb: ['void', [ptr, ptr, ptr]],
  SSL_CTX_set_cert_verify_callback: ['void', [ptr, ptr, ptr]],
  SSL_CTX_set_client_hello_cb: ['void', [ptr, ptr, ptr]],
  SSL_client_hello_get0_ciphers: ['size_t', [ptr, '_Out_ void **']],
  SSL_client_hello_get0_ext: ['int', [ptr, 'uint', '_Out_ void **', '_Out_ size_t *']],
  SSL_use_cert_and_key: ['int', [ptr, ptr, ptr, ptr, 'int']],
  SSL_get_certificate: [ptr, [ptr]],
  SSL_CTX_callback_ctrl: ['long', [ptr, 'int', ptr]],
  SSL_get_SSL_CTX: [ptr, [ptr]],
  EVP_aes_256_cbc: [ptr, []],
  EVP_sha256: [ptr, []],
  EVP_EncryptInit_ex: ['int', [ptr, ptr, ptr, ptr, ptr]],
  EVP_DecryptInit_ex: ['int', [ptr, ptr, ptr, ptr, ptr]],
  HMAC_Init_ex: ['int', [ptr, ptr, 'int', ptr, ptr]],
  RAND_bytes: ['int', [ptr, 'int']],
  X509_STORE_new: [ptr, []],
  X509_STORE_free: ['void', [ptr]],
  X509_STORE_add_cert: ['int', [ptr, ptr]],
  X509_STORE_add_crl: ['int', [ptr, ptr]],
  X509_STORE_set_flags: ['int', [ptr, 'ulong']],
  X509_STORE_CTX_new: [ptr, []],
  X509_STORE_CTX_init: ['int', [ptr, ptr, ptr, ptr]],
  X509_STORE_CTX_free: ['void', [ptr]],
  X509_STORE_CTX_get0_cert: [ptr, [ptr]],
  X509_STORE_CTX_get0_untrusted: [ptr, [ptr]],
  X509_STORE_CTX_get0_param: [ptr, [ptr]],
  X509_STORE_CTX_set_verify_cb: ['void', [ptr, ptr]],
  X509_VERIFY_PARAM_set1: ['int', [ptr, ptr]],
  X509_verify_cert: ['int', [ptr]],
  X509_check_private_key: ['int', [ptr, ptr]],
  X509_get_extension_flags: ['uint32_t', [ptr]],
  X509_get_key_usage: ['uint32_t', [ptr]],
  X509_STORE_CTX_get_error: ['int', [ptr]],
  X509_STORE_CTX_get_error_depth: ['int', [ptr]],
  X509_verify_cert_error_string: ['str', ['long']],
  X509_STORE_CTX_set_error: ['void', [ptr, 'int']],
  PEM_read_bio_X509: [ptr, [ptr, ptr, ptr, ptr]],
  PEM_read_bio_X509_CRL: [ptr, [ptr, ptr, ptr, ptr]],
  PEM_read_bio_PrivateKey: [ptr, [ptr, ptr, ptr, 'str']],
  d2i_X509_bio: [ptr, [ptr, ptr]],
  X509_get_subject_name: [ptr, [ptr]],
  X509_get0_notAfter: [ptr, [ptr]],
  X509_get0_pubkey: [ptr, [ptr]],
  X509_get_ext_d2i: [ptr, [ptr, 'int', ptr, ptr]],
  X509_NAME_print_ex: ['int', [ptr, ptr, 'int', 'ulong']],
  X509_NAME_get_text_by_NID: ['int', [ptr, 'int', ptr, 'int']],
  GENERAL_NAME_get0_value: [ptr, [ptr, '_Out_ int *']],
  GENERAL_NAMES_free: ['void', [ptr]],
  ASN1_STRING_length: ['int', [ptr]],
  ASN1_STRING_get0_data: [ptr, [ptr]],
  ASN1_TIME_to_tm: ['int', [ptr, ptr]],
  X509_free: ['void', [ptr]],
  X509_CRL_free: ['void', [ptr]],
  EVP_PKEY_free: ['void', [ptr]],
  i2d_X509_bio: ['int', [ptr, ptr]],
  i2d_PUBKEY_bio: ['int', [ptr, ptr]],
  PEM_write_bio_PrivateKey: ['int', [ptr, ptr, ptr, ptr, 'int', ptr, ptr]],
  EVP_PKEY_get_group_name: ['int', [ptr, ptr, 'size_t', '_Out_ size_t *']],
  EVP_Digest: ['int', [ptr, 'size_t', ptr, ptr, ptr, ptr]],
  BIO_s_mem: [ptr, []],
  BIO_new: [ptr, [ptr]],
  BIO_new_mem_buf: [ptr, [ptr, 'int']],
  BIO_free: ['int', [ptr]],
  BIO_up_ref: ['int', [ptr]],
  BIO_ctrl: ['long', [ptr, 'int', 'long', ptr]],
  BIO_get_data: [ptr, [ptr]],
  BIO_read: ['int', [ptr, ptr, 'int']],
  BIO_write: ['int', [ptr, ptr, 'int']],
  SSL_new: [ptr, [ptr]],
  SSL_free: ['void', [ptr]],
  SSL_set_bio: ['void', [ptr, ptr, ptr]],
  SSL_set_accept_state: ['void', [ptr]],
  SSL_set_connect_state: ['void', [ptr]],
  SSL_set_verify: ['void', [ptr, 'int', ptr]],
  SSL_set_host: ['long', [ptr, 'int', 'long', 'str'], 'SSL_ctrl'],
  SSL_set_alpn_protos: ['int', [ptr, ptr, 'uint']],
  SSL_set_session: ['int', [ptr, ptr]],
  SSL_do_handshake: ['int', [ptr]],
  SSL_read: ['int', [address, address, 'int']],
  SSL_write: ['int', [address, address, 'int']],
  SSL_get_error: ['int', [ptr, 'int']],
  SSL_shutdown: ['int', [ptr]],
  SSL_get_shutdown: ['int', [ptr]],
  SSL_set_shutdown: ['void', [ptr, 'int']],
  SSL_get_verify_result: ['long', [ptr]],
  SSL_get_version: ['str', [ptr]],
  SSL_get_client_random: ['size_t', [ptr, ptr, 'size_t']],
  SSL_get_current_cipher: [ptr, [ptr]],
  SSL_get_pending_cipher: [ptr, [ptr]],
  SSL_get_peer_signature_type_nid: ['int', [ptr, '_Out_ int *']],
  SSL_get_peer_digest: ['long', [ptr, 'int', 'long', ptr], 'SSL_ctrl'],
  SSL_CIPHER_get_name: ['str', [ptr]],
  SSL_session_reused: ['int', [ptr]],
  SSL_get1_session: [ptr, [ptr]],
  SSL_get_session: [ptr, [ptr]],
  SSL_SESSION_get_id: [ptr, [ptr, '_Out_ uint *']],
  SSL_SESSION_is_resumable: ['int', [ptr]],
  SSL_SESSION_free: ['void', [ptr]],
  SSL_get0_alpn_selected: ['void', [ptr, '_Out_ void **', '_Out_ uint *']],
  SSL_get1_peer_certificate: [ptr, [ptr]],
  SSL_get_peer_cert_chain: [ptr, [ptr]],
  OPENSSL_sk_new_null: [ptr, []],
  OPENSSL_sk_push: ['int', [ptr, ptr]],
  OPENSSL_sk_free: ['void', [ptr]],
  OPENSSL_sk_num: ['int', [ptr]],
  OPENSSL_sk_value: [ptr, [ptr, 'int']],
  CRYPTO_malloc: [ptr, ['size_t', ptr, 'int']],
  CRYPTO_free: ['void', [ptr, ptr, 'int']],
  SSL_ctrl: ['long', [ptr, 'int', 'long', ptr]],
  SSL_CTX_set_keylog_callback: ['void', [ptr, ptr]],
  ERR_get_error: ['ulong', []],
  ERR_clear_error: ['void', []],
  ERR_error_string_n: ['void', ['ulong', ptr, 'size_t']],
};

type Koffi = typeof koffiModule;

/** Makes a function of the library callable. */
export type Define = (name: string, result: string, args: readonly string[]) => unknown;

/** The library that Node itself is linked with, and what reads native memory. */
export interface Library {
  readonly functions: OpensslFunctions;
  readonly koffi: Koffi;
}

/** The functions, each defined when it is first called: most are never needed, and each that is defined costs memory. */
export function loadFunctions(): { readonly functions: OpensslFunctions; readonly define: Define } {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  const program = koffi.load(null);
  const define: Define = (name, result, args) => program.func(name, result, [...args]);
  const undefinedYet: object = {};
  const functions: object = Object.create(undefinedYet);
  for (const [name, [result, args, as = name]] of Object.entries(signatures)) {
    Object.defineProperty(undefinedYet, name, {
      get(): unknown {
        const value = define(as, result, args);
        Object.defineProperty(functions, name, { value });
        return value;
      },
    });
  }
  return { functions: functions as OpensslFunctions, define };
}

/**
 * Finds OpenSSL in the running program: Node's binaries carry it and show its functions, since native add-ons use them.
 * Throws `ENODE` where one is missing.
 */
export function loadLibrary(): Library {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  try {
    const program = koffi.load(null);
    for (const [name, [, , as = name]] of Object.entries(signatures)) program.symbol(as);
  } catch (error) {
    throw new LateenError('ENODE', `TLS needs the OpenSSL of Node's own builds: ${messageOf(error)}`, {
      hint: 'run the proxy with the Node that npm ci installs: node_modules/.bin/node',
      cause: error,
    });
  }
  return { functions: loadFunctions().functions, koffi };
}
