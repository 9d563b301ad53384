import { Gauge, type Registry } from 'prom-client';

/** Always 1: what matters is in the labels. */
export function buildInfo(registry: Registry, version: string): void {
  const gauge = new Gauge({
    name: 'build_info',
    help: 'Version of the service and of Node.js',
    labelNames: ['version', 'node'],
    registers: [registry],
  });
  gauge.set({ version, node: process.version }, 1);
}
