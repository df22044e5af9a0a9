// A process that runs the built command again and again, as `cdp` of cli.ts asks: started for each call, node and the
// driver of the warehouse would take as long as the work. Each call gets its own entry module; what that loads is kept.
const real = { exit: process.exit, out: process.stdout.write, err: process.stderr.write }
let calls = 0

process.on('disconnect', () => real.exit.call(process, 0))
process.on('message', async ({ args, cwd, env }) => {
  const said = { stdout: '', stderr: '' }
  process.chdir(cwd)
  // The object stays: what was loaded before holds on to it.
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
  process.argv = [process.execPath, 'cdp', ...args]
  capture('stdout', said)
  capture('stderr', said)
  const code = await new Promise((resolve, reject) => {
    process.exit = resolve
    import(`../../dist/cli.js?call=${++calls}`).catch(reject)
  }).catch((error) => {
    said.stderr += error.stack
    return 1
  })
  restore()
  process.send({ code, signal: null, ...said })
})

function capture(name, said) {
  process[name].write = (chunk, encoding, done) => {
    said[name] += chunk
    const called = typeof encoding === 'function' ? encoding : done
    called?.()
    return true
  }
}

function restore() {
  process.exit = real.exit
  process.stdout.write = real.out
  process.stderr.write = real.err
  for (const signal of ['SIGINT', 'SIGTERM', 'uncaughtException']) process.removeAllListeners(signal)
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error')
}
