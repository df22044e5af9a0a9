import type { Project } from '../project/project.ts'
import type { Expectation } from '../project/unit-test.ts'

/** The segment of which something is expected; undefined where it is the profiles of an entity. */
export function segmentOf(expectation: Expectation): string | undefined {
  switch (expectation.kind) {
    case 'member':
    case 'variant':
      return expectation.segment
    case 'count':
      return expectation.of === 'segment' ? expectation.name : undefined
    case 'same':
    case 'apart':
    case 'trait':
      return undefined
  }
}

/** The entity whose profiles it is about. */
export function entityOf({ segments }: Pick<Project, 'segments'>, expectation: Expectation): string {
  switch (expectation.kind) {
    case 'member':
    case 'variant':
      return segments.get(expectation.segment)?.entity ?? ''
    case 'count':
      return expectation.of === 'entity' ? expectation.name : (segments.get(expectation.name)?.entity ?? '')
    case 'same':
    case 'apart':
    case 'trait':
      return expectation.entity
  }
}
