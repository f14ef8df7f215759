// `npm start`: a mesh with Bookinfo on this machine, in the foreground.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { lateenNode, root, setupOrExit } from './setup.mjs';

setupOrExit('run');
const child = spawn(lateenNode(), [join(root, 'dist/lateen.mjs'), 'up', '--demo', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// Ctrl-C reaches the whole process group: the child puts the mesh down, this process waits for it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
