import * as z from 'zod/mini'
import { ERROR_CODES } from '../errors.ts'

/** RFC 9457; `code` is the stable part, `detail` never holds a stack or a secret. */
export const problem = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  code: z.enum(ERROR_CODES),
  detail: z.optional(z.string()),
  retryAfterMs: z.optional(z.int()),
})
export type Problem = z.output<typeof problem>
export const PROBLEM_TYPE = 'application/problem+json'
