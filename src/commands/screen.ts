import { type Paper, paper } from './layout.ts'

/** Where a command speaks: its product goes to stdout, everything else to stderr. */
export interface Screen {
  /** Lines of the product. */
  readonly print: (lines: readonly string[]) => void
  /** The one JSON document of a command with `--json`. */
  readonly document: (value: unknown) => void
  /** Lines for a person: errors, warnings, notes. */
  readonly tell: (lines: readonly string[]) => void
  /** Unfinished text for stderr: cursor movements of the progress line. */
  readonly draw: (text: string) => void
  readonly out: Paper
  readonly err: Paper
  /** Is a person looking at stdout? At stderr? */
  readonly watched: { readonly out: boolean; readonly err: boolean }
}

export interface ScreenOptions {
  readonly colour: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The screen of this process. A reader that went away (EPIPE) loses the rest of the text, never the command's work. */
export function openScreen({ colour, env }: ScreenOptions): Screen {
  const [stdout, stderr] = [process.stdout, process.stderr]
  const write = (stream: NodeJS.WriteStream) => (lines: readonly string[]) => {
    if (lines.length > 0) stream.write(`${lines.join('\n')}\n`)
  }
  return {
    print: write(stdout),
    document: (value) => stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    tell: write(stderr),
    draw: (text) => stderr.write(text),
    out: paper(widthOf(stdout, env), colour && colours(stdout, env)),
    err: paper(widthOf(stderr, env), colour && colours(stderr, env)),
    watched: { out: stdout.isTTY === true, err: stderr.isTTY === true },
  }
}

function widthOf(stream: NodeJS.WriteStream, env: ScreenOptions['env']): number {
  const said = Number(stream.columns ?? env.COLUMNS)
  return Number.isInteger(said) && said > 0 ? Math.max(20, said) : Number.POSITIVE_INFINITY
}

/** https://no-color.org: any value but an empty one turns colours off. */
function colours(stream: NodeJS.WriteStream, env: ScreenOptions['env']): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
}
