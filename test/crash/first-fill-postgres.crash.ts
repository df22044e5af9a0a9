import { mendsItself } from '../support/every-moment.ts'
import { ON_POSTGRES } from '../support/ground.ts'
import { FIRST_FILL } from '../support/stories.ts'

mendsItself('the first fill', FIRST_FILL, ON_POSTGRES)
