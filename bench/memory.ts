import { readFile, writeFile } from 'node:fs/promises'

/** What a process holds of the machine's memory, now and at most so far: proc_pid_status(5). */
export async function memoryOf(pid: number): Promise<{ nowMib: number; peakMib: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const mib = (name: string) => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]
    if (kib === undefined) throw new Error('this system does not tell what a process holds')
    return Number(kib) / 1024
  }
  return { nowMib: mib('VmRSS'), peakMib: mib('VmHWM') }
}

/** Counts the peak from now on: "clear_refs" in proc_pid_clear_refs(5). */
export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}
