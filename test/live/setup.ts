import { liveTarget } from './target.ts'

/** Before the first test: says where they run, or what is missing, and then runs none. */
export function setup(): void {
  const target = liveTarget(process.env.LIVE, process.env)
  if (!('says' in target)) {
    console.log(`Live: ${target.warehouse.type}, ${target.place}`)
    return
  }
  for (const line of target.says) console.log(line)
  process.exit(2)
}
