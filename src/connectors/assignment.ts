import { DestinationError } from './connector.ts'

/** The field and the text of `on_leave: { set: "status=Former" }`. Throws DestinationError `config` without a `=`. */
export function assignment(argument: string): readonly [field: string, value: string] {
  const [, field, value] = /^\s*([A-Za-z]\w*)\s*=\s*(.*)$/s.exec(argument) ?? []
  if (field === undefined || value === undefined)
    throw new DestinationError('config', 'bad_leave', '"set" takes a field and its value: "status=Former".')
  return [field, value]
}
