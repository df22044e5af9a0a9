import type { Contraction } from '../compile/model.ts'
import type { Statement, Tokens, Values } from '../sql/sql.ts'
import type { Session } from '../warehouses/warehouse.ts'

/**
 * Runs the rounds of an identity graph to their fixpoint and returns how many there were. A round that did not halve
 * the vertices is finished by jumps, so every second round halves and the number of rounds stays logarithmic.
 */
export async function contract(
  session: Session,
  steps: Contraction,
  tokens: Tokens,
  { whole, values }: { readonly whole: boolean; readonly values: Values },
): Promise<number> {
  const run = async (statement: Statement, round: number) => {
    const [result] = await session.script([{ statement, tokens: { ...tokens, r: round }, values }])
    return result?.rows ?? 0
  }
  let edges = await run(whole ? steps.edges.whole : steps.edges.changes, 1)
  let vertices = Number.POSITIVE_INFINITY
  let round = 0
  while (edges > 0) {
    round += 1
    const named = await run(steps.hook, round)
    if (named * 2 > vertices) await jumpToFixpoint(session, steps, { ...tokens, r: round })
    vertices = named
    edges = await run(steps.rename, round)
  }
  await run(round === 0 ? steps.none : steps.last, Math.max(round, 1))
  for (let back = round - 1; back >= 1; back--) await run(steps.compose, back)
  for (let done = 0; done <= round; done++) {
    const tables = [...(done > 0 ? [steps.dropNames] : []), ...(done > 1 ? [steps.dropComposed] : []), steps.dropEdges]
    await session.script(tables.map((statement) => ({ statement, tokens: { ...tokens, r: done } })))
  }
  return round
}

async function jumpToFixpoint(session: Session, steps: Contraction, tokens: Tokens): Promise<void> {
  for (;;) {
    const row = await session.first({ statement: steps.settled, tokens })
    if (Number(row?.open) === 0) return
    await session.script([steps.jump, ...steps.keep].map((statement) => ({ statement, tokens })))
  }
}
