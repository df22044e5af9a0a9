import type { Session } from '../../src/warehouses/warehouse.ts'

/** A session that a test watches, in which what is asked behind a script is asked by itself. */
export function apart(session: Omit<Session, 'ask'>): Session {
  return {
    ...session,
    ask: async (statements, query) => {
      await session.script(statements)
      return session.first(query)
    },
  }
}
