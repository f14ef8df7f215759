import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const mark = 'LATEEN_TEST_INSIDE';

/**
 * Runs the tests of a file as root in namespaces of their own, so that they may make bridges, mounts and
 * containers and leave nothing: the file starts itself again inside. Skipped, loudly, where there is no root.
 */
export function testsInNamespaces(moduleUrl: string, define: () => void): void {
  if (process.env[mark] !== undefined) {
    define();
    return;
  }
  const file = fileURLToPath(moduleUrl);
  const skip = process.getuid?.() === 0 ? false : 'needs root, for namespaces';
  void test(`in namespaces of their own: ${file.split('/').at(-1)}`, { skip }, async () => {
    const kinds = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'];
    // Without this the inner run would report to the outer one in a format of its own.
    const { NODE_TEST_CONTEXT: _, ...rest } = process.env;
    const env = { ...rest, [mark]: '1' };
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', '--test-reporter=spec', file];
    const child = spawn('unshare', [...kinds, ...node], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 0, output);
  });
}
