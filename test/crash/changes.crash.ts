import { mendsItself } from '../support/every-moment.ts'
import { CHANGES } from '../support/stories.ts'

mendsItself('creations, updates and removals', CHANGES)
