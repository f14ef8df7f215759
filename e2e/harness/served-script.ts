import type { TestCluster } from './cluster.ts';

/**
 * A server without a sidecar in namespace `default`: a script that the host's Node runs. It must do with what Node has,
 * since packages may lie where a pod does not look. `portName` tells the mesh its protocol.
 */
export async function serveScript(
  cluster: TestCluster,
  name: string,
  port: number,
  script: string,
  portName = 'http',
): Promise<void> {
  const command = JSON.stringify(['node', '-e', script]);
  await cluster.sh(`kubectl apply -f - <<'EOF'
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: ${portName}, port: ${port} }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} }, annotations: { sidecar.istio.io/inject: "false" } }
    spec: { containers: [{ name: ${name}, image: node, command: ${command} }] }
EOF`);
  await cluster.sh(`kubectl rollout status deploy/${name} --timeout=60s`);
}

/** Says yes to requests with `x-ext-authz: allow`, as Istio's sample of an external authorizer does. */
export const httpAuthorizer = `require("http").createServer((q, r) => {
  const ok = q.headers["x-ext-authz"] === "allow";
  r.writeHead(ok ? 200 : 403, { "x-ext-authz-check-result": ok ? "allowed" : "denied" });
  r.end(ok ? "" : "denied by ext_authz");
}).listen(8000)`;

/**
 * The same by gRPC (`envoy.service.auth.v3.Authorization`), in the bytes of its messages; it says yes, too, to whom
 * the mesh knows as `sleep` of namespace `default`.
 */
export const grpcAuthorizer = `require("http2").createServer().on("stream", (stream) => {
  const parts = [];
  stream.on("data", (part) => parts.push(part)).on("end", () => {
    const text = Buffer.concat(parts).toString("latin1");
    const ok = text.includes("x-ext-authz\\x12\\x05allow") || text.includes("/ns/default/sa/sleep");
    const code = ok ? [0x0a, 0x00] : [0x0a, 0x02, 0x08, 0x07];
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.from([0, 0, 0, 0, code.length, ...code]));
  });
}).listen(9000)`;
