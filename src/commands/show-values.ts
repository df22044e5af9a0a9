import type { Call, Desk } from './command.ts'

/** The option by which a command shows personal values. */
export interface ShowValues {
  readonly showValues?: boolean
}

/** Whether personal values are shown. They never reach a file or a pipe: there they would stay. */
export function showsValues({ call, screen }: Pick<Desk, 'call' | 'screen'>): boolean {
  const { options } = call as Call<Call['options'] & ShowValues>
  return options.showValues === true && screen.watched.out && !options.json
}

/** Says that they were asked for and are hidden all the same. */
export function remindOfValues({ call, screen }: Pick<Desk, 'call' | 'screen'>): void {
  const { options } = call as Call<Call['options'] & ShowValues>
  if (options.showValues === true && !showsValues({ call, screen }))
    screen.tell(['--show-values works on a terminal only; personal values are hidden.'])
}
