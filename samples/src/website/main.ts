// One of three web sites that differ in text and colour: v1, v2, v3.
import { hostname } from 'node:os';
import { portOr, sendText, serve } from '../serve/serve.ts';

const colors: Record<string, { readonly name: string; readonly ground: string; readonly ink: string }> = {
  v1: { name: 'blue', ground: '#0f4c81', ink: '#eaf4ff' },
  v2: { name: 'green', ground: '#1f6f4a', ink: '#eafff4' },
  v3: { name: 'amber', ground: '#b45f06', ink: '#fff6e8' },
};
const version = process.env['SITE_VERSION'] ?? process.env['SERVICE_VERSION'] ?? 'v1';
const color = colors[version] ?? { name: 'grey', ground: '#444', ink: '#eee' };

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Web site ${version}</title>
<style>
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: ${color.ground}; color: ${color.ink};
    font: 20px/1.5 system-ui, sans-serif; text-align: center }
  h1 { font-size: 3.5rem; margin: 0 }
  code { opacity: .8 }
</style>
<main>
  <h1>Web site ${version}</h1>
  <p>The ${color.name} one.</p>
  <p><code>${hostname()}</code></p>
</main>
</html>
`;

serve(`website ${version}`, portOr(80), ({ response, url }) => {
  if (url.pathname === '/healthz') return sendText(response, 200, 'ok\n');
  return sendText(response, 200, page, 'text/html; charset=utf-8');
});
