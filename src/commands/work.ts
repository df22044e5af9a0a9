import type { Command } from 'commander'
import type { Call } from './command.ts'

/** A command's work, loaded when it is called: `cdp --version` must not pay for a warehouse. */
export type Work = (call: Call) => Promise<number>

/** Adds a command with the options of every command. */
export type Add = (parent: Command, name: string, does: string, work: Work) => Command
