import { mendsItself } from '../support/every-moment.ts'
import { ON_POSTGRES } from '../support/ground.ts'
import { CHANGES } from '../support/stories.ts'

mendsItself('creations, updates and removals', CHANGES, ON_POSTGRES)
