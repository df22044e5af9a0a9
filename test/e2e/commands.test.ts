import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Copy, cdp, copyProject, emptyFolder, jsonOf, repository } from '../support/cli.ts'

async function folder(): Promise<Copy> {
  const made = await emptyFolder()
  onTestFinished(made.remove)
  return made
}

async function sample(): Promise<Copy> {
  const copy = await copyProject()
  onTestFinished(copy.remove)
  return copy
}

async function starter(): Promise<string> {
  const { directory } = await folder()
  await cdp(['init', '--quiet'], { cwd: directory })
  return directory
}

describe('the command line', () => {
  test('says what it does not know and guesses, with exit code 2', async () => {
    const unknown = await cdp(['rnu'])
    expect(unknown).toMatchObject({ code: 2, stdout: '' })
    expect(unknown.stderr).toContain('Did you mean "run"?')
    expect((await cdp(['run', '--sandbix'])).stderr).toContain('Did you mean "--sandbox"?')
    expect(await cdp([])).toMatchObject({ code: 2, stdout: '' })
  })

  test('reports every wrong argument at once, as a document where one was asked for', async () => {
    const wrong = await cdp(['run', '--now', 'soon', '--threads', '0', '--vars', 'x', '--json'])
    expect(wrong.code).toBe(2)
    const codes = (jsonOf(wrong) as { errors: { code: string }[] }).errors.map(({ code }) => code)
    expect(codes).toEqual(['command/arguments', 'command/arguments', 'command/arguments'])
    expect(jsonOf(await cdp(['rnu', '--json']))).toMatchObject({ status: 'failed', exit_code: 2 })
  })

  test('prints its version and its help on stdout', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as { version: string }
    expect(await cdp(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
    const help = await cdp(['run', '--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('--sandbox')
  })

  test('does not run where certificates would not be checked', async () => {
    const refused = await cdp(['validate'], { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('NODE_EXTRA_CA_CERTS')
  })

  test('goes on when nobody reads what it prints', async () => {
    const directory = await starter()
    const child = spawn(process.execPath, [join(repository, 'bin/cdp.js'), 'compile'], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    child.stderr.destroy()
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(await readdir(join(directory, '.cdp/compiled'))).toEqual(['local'])
  })
})

describe('validate', () => {
  test('finds nothing wrong with the sample project', async () => {
    const { directory } = await sample()
    const outcome = await cdp(['validate', '--json'], { cwd: directory })
    expect(outcome.code).toBe(0)
    const { errors, ...heading } = jsonOf(outcome) as { errors: { severity: string }[] }
    expect(heading).toEqual({ version: 1, command: 'validate', status: 'ok', exit_code: 0 })
    expect(errors.filter(({ severity }) => severity === 'error')).toEqual([])
  })

  test('shows a mistake where it is, and nothing is run with it', async () => {
    const { directory } = await sample()
    const path = join(directory, 'models/segments.yaml')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('where: lifetime_value >=', 'where: lifetime_vlaue >='))

    const outcome = await cdp(['validate'], { cwd: directory })
    expect(outcome.code).toBe(2)
    expect(outcome.stderr).toMatch(/^models\/segments\.yaml:\d+:12 {2}ref\/unknown-trait$/m)
    expect(outcome.stderr).toMatch(/\| {5}where: lifetime_vlaue >=.*\n +\| {12}\^{14}$/m)
    expect(outcome.stderr).toContain('Did you mean "lifetime_value"?')

    const run = await cdp(['run', '--sandbox', '--json'], { cwd: directory })
    expect(run.code).toBe(2)
    expect(jsonOf(run)).toMatchObject({ status: 'failed', exit_code: 2, models: [], syncs: [] })
    expect(run.stderr).toContain('^^^^^^^^^^^^^^')
    expect(await readdir(directory)).not.toContain('.cdp')
  })
})

describe('compile', () => {
  test('writes the same bytes from every folder and in every time zone', async () => {
    const [here, there] = [await sample(), await sample()]
    const west = await cdp(['compile', '--quiet'], { cwd: here.directory, env: { TZ: 'Pacific/Honolulu' } })
    const east = await cdp(['compile', '--project-dir', there.directory, '--json'], {
      cwd: '/',
      env: { TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8' },
    })
    expect(west).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const { files } = jsonOf(east) as { files: string[] }
    expect(files.length).toBeGreaterThan(10)
    for (const file of files) {
      const [a, b] = await Promise.all(
        [here, there].map(({ directory }) => readFile(join(directory, '.cdp/compiled/local', file), 'utf8')),
      )
      expect(a, file).toBe(b)
      expect(
        a?.split('\n').filter((line) => line.length > 120),
        file,
      ).toEqual([])
    }
  })

  test('takes away what is no longer made', async () => {
    const directory = await starter()
    await cdp(['compile'], { cwd: directory })
    const old = join(directory, '.cdp/compiled/local/old.sql')
    await writeFile(old, 'select 1')
    await cdp(['compile'], { cwd: directory })
    await expect(readFile(old)).rejects.toThrow('ENOENT')
  })
})

describe('init', () => {
  test('writes a project that runs, and whose second run changes nothing', async () => {
    const { directory } = await folder()
    const made = await cdp(['init'], { cwd: directory })
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout).toContain('cdp run --sandbox')

    const first = await cdp(['run', '--sandbox', '--json'], { cwd: directory })
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(jsonOf(first)).toMatchObject({
      status: 'ok',
      errors: [],
      syncs: [{ creates: 3, written: 3, refused: 0, again: 0 }],
    })
    const second = await cdp(['run', '--sandbox', '--json'], { cwd: directory })
    expect(jsonOf(second)).toMatchObject({
      status: 'ok',
      syncs: [{ creates: 0, updates: 0, removes: 0, unchanged: 3, calls: 0 }],
    })
  })

  test('never overwrites', async () => {
    const { directory } = await folder()
    await writeFile(join(directory, 'cdp.config.yaml'), 'mine')
    const refused = await cdp(['init'], { cwd: directory })
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain('exists already')
    expect(await readdir(directory)).toEqual(['cdp.config.yaml'])
  })

  test('keeps to a folder of its own beside a dbt project', async () => {
    const { directory } = await folder()
    await writeFile(join(directory, 'dbt_project.yml'), 'name: shop')
    const made = await cdp(['init'], { cwd: directory })
    expect(made.stdout).toContain('cdp run --project-dir cdp --sandbox')
    expect((await readdir(directory)).sort()).toEqual(['cdp', 'dbt_project.yml'])
    expect(await cdp(['validate', '--project-dir', 'cdp'], { cwd: directory })).toMatchObject({ code: 0 })
  })

  test('copies the sample shop when asked to', async () => {
    const { directory } = await folder()
    expect(await cdp(['init', '--template', 'shop'], { cwd: directory })).toMatchObject({ code: 0 })
    expect(await cdp(['validate'], { cwd: directory })).toMatchObject({ code: 0 })
  })
})
