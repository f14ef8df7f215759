// Istio's tcp-echo-server: `tcp-echo PORT,PORT… PREFIX` answers each line on each port with the prefix and the line.
import { lineEcho } from '../echo/line-echo.ts';

const [ports = '9000', prefix = 'hello'] = process.argv.slice(2);
for (const port of ports.split(',')) {
  lineEcho(prefix).listen(Number(port), () =>
    process.stdout.write(`listening on port ${port}, prefix: ${prefix}\n`),
  );
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
