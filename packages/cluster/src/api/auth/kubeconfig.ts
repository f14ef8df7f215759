import type { Credentials } from './credentials.ts';

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** A kubeconfig of the administrator; everything it needs is in it. */
export function kubeconfigText(serverUrl: string, credentials: Credentials): string {
  const { authority, administrator } = credentials;
  return `apiVersion: v1
kind: Config
clusters:
- name: lateen
  cluster:
    server: ${serverUrl}
    certificate-authority-data: ${base64(authority.certificate)}
users:
- name: lateen-admin
  user:
    client-certificate-data: ${base64(administrator.certificate)}
    client-key-data: ${base64(administrator.key)}
contexts:
- name: lateen
  context:
    cluster: lateen
    user: lateen-admin
    namespace: default
current-context: lateen
`;
}
