import { Command, CommanderError, Option } from 'commander'
import type { Call } from './command.ts'
import { addLedger } from './ledger-program.ts'
import type { Options } from './options.ts'
import type { Signals } from './signals.ts'
import type { Add, Work } from './work.ts'

/** What the arguments ask for: a call with the work that answers it, or text to print at once. */
export type Asked =
  | { readonly kind: 'call'; readonly call: Omit<Call, keyof Signals>; readonly work: Work }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'wrong'; readonly message: string; readonly fix: string | undefined; readonly json: boolean }

/** Reads the command line (without node and script). */
export function read(argv: readonly string[], version: string): Asked {
  let asked: Asked | undefined
  let text = ''
  const take = (call: Omit<Call, keyof Signals>, work: Work) => {
    asked = { kind: 'call', call, work }
  }
  const program = describe(version, take)
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)])
    command.exitOverride().configureOutput({ writeOut: (said) => (text += said), writeErr: () => undefined })
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text }
    return { kind: 'wrong', ...inOurWords(error), json: argv.includes('--json') }
  }
  return asked ?? { kind: 'wrong', message: 'No command was given.', fix: HELP, json: argv.includes('--json') }
}

const HELP = 'See all commands and their options with cdp --help.'

function inOurWords(error: CommanderError): { readonly message: string; readonly fix: string | undefined } {
  if (error.code === 'commander.help') return { message: 'No command was given.', fix: HELP }
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const sentence = `${first.charAt(0).toUpperCase()}${first.slice(1)}`.replaceAll("'", '"')
  const guess = /\(Did you mean (.*)\?\)/.exec(rest.join(' '))?.[1]
  const fix = guess === undefined ? HELP : `Did you mean "${guess}"?`
  return { message: /[.?!]$/.test(sentence) ? sentence : `${sentence}.`, fix }
}

type Take = (call: Omit<Call, keyof Signals>, work: Work) => void

function describe(version: string, take: Take): Command {
  const program = new Command('cdp')
    .description(
      'A customer data platform as a command: YAML to SQL, identity, segments, and syncs to the tools you use.',
    )
    .version(version, '-V, --version')
    .helpCommand(true)
    .addHelpText('after', EXIT_CODES)
  const add: Add = (parent, name, does, work) => common(parent.command(name).description(does), work, take)
  const build = 'build the models, publish them, and send every sync what has changed'
  runOptions(add(program, 'run', build, async (call) => (await import('./run.ts')).run(call)))
  addPlanning(program, add)
  addInit(program, take)
  add(program, 'validate', 'check the project and show every mistake at its place', async (call) =>
    (await import('./validate.ts')).validate(call),
  ).option('--warehouse', 'also check tables, columns and types against the warehouse')
  add(program, 'compile', 'write the SQL under .cdp/compiled/<target>/', async (call) =>
    (await import('./compile.ts')).compile(call),
  )
  add(program, 'preview', 'show who is in a segment, and on which line the others were lost', async (call) =>
    (await import('./preview.ts')).preview(call),
  )
    .argument('<segment>', 'its name')
    .option('--show-values', 'show personal values, on a terminal only')
  add(program, 'test', 'run the unit tests of models and the data tests', async (call) =>
    (await import('./test.ts')).test(call),
  )
    .option('--unit', 'only unit tests: in memory, without the warehouse')
    .option('--data', 'only data tests')
    .option('--show-values', 'show personal values of data tests, on a terminal only')
  addExplanations(program, add)
  addLedger(program, add)
  add(program, 'status', 'show what is published and what every sync still owes', async (call) =>
    (await import('./status.ts')).status(call),
  ).option('--sandbox', 'the state of the sandbox')
  const looks = 'look whether the warehouse and every destination would do their part; change nothing'
  add(program, 'doctor', looks, async (call) => (await import('./doctor.ts')).doctor(call))
    .option('--sandbox', 'ask the emulated vendors of this machine')
    .option('--grants', 'print the script that gives a role what this project needs in the warehouse, and no more')
    .option('--role <name>', 'the role of that script; default: cdp')
  const sandbox = program.command('sandbox').description('look into the emulated vendors of --sandbox')
  add(sandbox, 'show', 'what each emulated vendor holds', async (call) => (await import('./sandbox.ts')).show(call))
  return program
}

/** What a run would do, and that very thing done. */
function addPlanning(program: Command, add: Add): void {
  add(program, 'plan', 'show what a run would do to people and destinations; publish and send nothing', async (call) =>
    (await import('./plan.ts')).plan(call),
  )
    .option('-o, --output <file>', 'keep the plan for 48 hours, and write the file that cdp apply takes')
    .option('--html [file]', 'write a page for those who review it (default .cdp/plan.html)')
    .option('--sandbox', 'against emulated vendors on this machine instead of the real ones')
    .option('--full-refresh', 'read every source whole and solve identity anew; ids stay')
    .option('--max-changes <number>', 'at most so many creates and updates, and no removals')
    .option('--show-values', 'show personal values, on a terminal only')
  add(program, 'apply', 'publish and send exactly a plan, or refuse it as stale', async (call) =>
    (await import('./plan.ts')).apply(call),
  )
    .argument('<plan>', 'the file that cdp plan -o wrote')
    .option('--wait <duration>', 'how long to wait for jobs of vendors, such as 10m; default: as syncs say, else 2m')
    .option('--override <plan id>', 'go on although guards speak against it; this is remembered')
}

/** The commands that say why records are one person. */
function addExplanations(program: Command, add: Add): void {
  const shows = (command: Command) =>
    command
      .option('--entity <name>', 'only this entity')
      .option('--show-values', 'show personal values, on a terminal only')
  shows(
    add(
      program,
      'explain',
      'show a person: records, traits, segments with the line that decided; of two, what ties or parts them',
      async (call) => (await import('./explain.ts')).explain(call),
    )
      .argument('<identifier>', 'a profile id, type:value, or a value')
      .argument('[other]', 'another one: the records that tie the two, or what keeps them apart'),
  )
  const identity = program.command('identity').description('look into the identity graph')
  shows(
    add(identity, 'shared', 'the identifiers that the most people share', async (call) =>
      (await import('./identity.ts')).shared(call),
    )
      .option('--type <name>', 'only this identifier type')
      .option('--limit <number>', 'how many', '20'),
  )
  shows(
    add(identity, 'bridges', 'where a profile would fall apart', async (call) =>
      (await import('./identity.ts')).bridges(call),
    )
      .argument('<identifier>', 'a profile id, type:value, or a value')
      .option('--limit <number>', 'how many', '10'),
  )
  shows(
    add(identity, 'diff', 'what the project as it is now would merge and split, publishing nothing', async (call) =>
      (await import('./identity.ts')).diff(call),
    ),
  )
}

const EXIT_CODES = `
Exit codes:
  0    all done
  1    a statement, a test, a login or a setting at a vendor failed
  2    the project or the arguments are wrong; nothing was run
  3    done, but rows were refused or are owed
  4    a guard blocked a sync
  5    another run holds the lock
  130  interrupted (143: terminated); state is safe`

/** The options that design gives to every command of a project. */
function common(command: Command, work: Work, take: Take): Command {
  return (
    command
      .option('--target <name>', 'the warehouse to use, as cdp.config.yaml names it')
      .option('--project-dir <path>', 'the folder of cdp.config.yaml', '.')
      .option('--select <names...>', 'only these: name, glob, tag:x, source:x, segment:x, sync:x, +x, x+')
      .option('--exclude <names...>', 'all but these')
      // biome-ignore lint/suspicious/noTemplateCurlyInString: that is how the project writes it
      .option('--vars <name=value...>', 'values for ${var:name}; a YAML mapping is accepted too')
      .option('--now <time>', 'the business time, such as 2026-11-01T08:00:00Z')
      .option('--threads <number>', 'threads of an embedded warehouse')
      .option('--json', 'print one JSON document on stdout, nothing else')
      .option('--quiet', 'print errors only')
      .addOption(new Option('--log-level <level>', 'log to stderr').choices(['error', 'warn', 'info', 'debug']))
      .option('--no-color', 'no colours')
      .action((...given: unknown[]) => {
        const self = given.at(-1) as Command
        take({ name: nameOf(self), options: self.opts<Options>(), args: self.args }, work)
      })
  )
}

function runOptions(command: Command): Command {
  return command
    .option('--sandbox', 'send to emulated vendors on this machine instead of the real ones')
    .option('--dry-run', 'build and plan, but publish and send nothing')
    .option('--due', 'only syncs whose `every:` has passed since their last run; nothing where none is due')
    .option('--full-refresh', 'read every source whole and solve identity anew; ids stay')
    .option('--wait <duration>', 'how long to wait for jobs of vendors, such as 10m; default: as syncs say, else 2m')
    .option('--max-changes <number>', 'send at most so many creates and updates, and no removals')
}

function addInit(program: Command, take: Take): void {
  program
    .command('init')
    .description('write a small project that runs as it stands')
    .addOption(new Option('--template <name>', 'what to begin with').choices(['starter', 'shop']).default('starter'))
    .option('--project-dir <path>', 'where to', '.')
    .option('--json', 'print one JSON document on stdout, nothing else')
    .option('--quiet', 'print errors only')
    .option('--no-color', 'no colours')
    .action((...given: unknown[]) => {
      const self = given.at(-1) as Command
      const work: Work = async (call) => (await import('./init.ts')).init(call)
      take({ name: 'init', options: self.opts<Options>(), args: self.args }, work)
    })
}

function nameOf(command: Command): string {
  const parent = command.parent
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name()
}
