import type { Fault } from '../../src/connectors/sandbox/sandbox.ts'
import { openBench, SILENCE } from '../support/vendor.ts'
import { benchPlace, type HttpSubject, isHttp, type Loss, type Lossy, type Subject } from './subject.ts'

/** The ways in which an answer to a subject can be lost. */
export function lossesOf<A, T>(subject: Subject<A, T>): readonly Loss<A>[] {
  return isHttp(subject) ? httpLosses(subject) : subject.losses
}

function httpLosses<A, T>(subject: HttpSubject<A, T>): readonly Loss<A>[] {
  const losing = (fault: Fault) => async (): Promise<Lossy<A>> => {
    const bench = await openBench(subject.vendor(), { columns: subject.columns })
    let left = 1
    bench.fault = (request) => (subject.isWrite(request) && left-- > 0 ? fault : undefined)
    const place = benchPlace(subject, bench)
    const patience: Lossy<A>['patience'] = (how) => {
      bench.timeout = how === 'short' ? SILENCE : 20_000
    }
    return { place, through: place, ...(fault.kind === 'silence' && { patience }) }
  }
  return [
    ...[false, true].map((effect) => ({
      name: `silence ${effect ? 'after' : 'before'} the effect leaves it open whether it was applied`,
      effect,
      lossy: losing({ kind: 'silence', effect }),
    })),
    ...(['reset', 'truncated'] as const).map((kind) => ({
      name: `an answer lost by ${kind} leaves it open, and sending again does no harm`,
      effect: true,
      lossy: losing(kind === 'reset' ? { kind, effect: true } : { kind }),
    })),
  ]
}
