// Where nodes ask each other for something: requests to sessions of other nodes, and the answers.

import { parseTopic } from './topic.ts'
import type { Topic } from './topic.ts'

/** Its records go after `controlKeptMs`, whatever the rules of retention say. */
export const controlTopic: Topic = parseTopic('$hub/control')
