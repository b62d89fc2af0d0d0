// Loaded into server and worker by bin/start.ts: when that is killed, they must not live on and hold the port.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
