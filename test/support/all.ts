/** True under `npm run test:all`, which CI runs too: what takes long and what everyday another test stands for. */
export const ALL = process.env.ALL === '1'
