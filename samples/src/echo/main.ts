// Echoes: HTTP requests as JSON and WebSocket messages on PORT (8080), TCP lines on TCP_PORT (9000) with PREFIX, and UDP datagrams on UDP_PORT (9001) with PREFIX and who sent them.
import { createSocket } from 'node:dgram';
import { hostname } from 'node:os';
import { portOr, sendJson, serve } from '../serve/serve.ts';
import { lineEcho } from './line-echo.ts';
import { echoWebSocket } from './web-socket.ts';

const version = process.env['SERVICE_VERSION'] ?? 'v1';

serve(
  'echo',
  portOr(8080),
  async ({ method, request, response, url, body }) => {
    const status = Number(url.searchParams.get('status') ?? 200);
    const good = Number.isInteger(status) && status >= 200 && status <= 599;
    sendJson(response, good ? status : 400, {
      method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: (await body()).toString('utf8'),
      host: hostname(),
      version,
    });
  },
  echoWebSocket,
);

const prefix = process.env['PREFIX'] ?? 'hello';
lineEcho(prefix).listen(Number(process.env['TCP_PORT'] ?? 9000));

const udp = createSocket('udp4');
udp.on('message', (text, from) => {
  udp.send(`${prefix} ${text.toString('utf8').trimEnd()} from ${from.address}\n`, from.port, from.address);
});
udp.bind(Number(process.env['UDP_PORT'] ?? 9001));
