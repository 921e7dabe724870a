/**
 * node:http, taken as `require` would: an ESM import of it evaluates every export, the browser's WebSocket among them,
 * which loads undici: 16 MB and 50 ms that nothing here uses.
 */
export const { createServer, request } = process.getBuiltinModule('node:http');
