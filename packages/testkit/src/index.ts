export {
  createTestAuthority,
  type CertificateNames,
  type TestAuthority,
  type TestCertificate,
} from './certificates.ts';
