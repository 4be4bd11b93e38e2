import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npm, run } from './process.mjs'

/**
 * Packs the package as `npm publish` would and unpacks it again, hands both to `use`, and removes them.
 * The package must be built: hooks are off, so that a check never changes what it checks.
 */
export async function withPacked(use) {
  const folder = mkdtempSync(join(tmpdir(), 'server-sent-pack-'))
  try {
    const [{ filename }] = JSON.parse(await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder]))
    // By its name and from its folder: GNU tar takes the colon of a Windows drive for a host name.
    await run('tar', ['-xzf', filename], { cwd: folder })
    return await use({ tarball: join(folder, filename), unpacked: join(folder, 'package') })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
