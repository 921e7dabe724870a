/**
 * Modules of Node's, taken as `require` would. An ESM import evaluates every export, and some of those load much that
 * nothing here uses: of node:http the browser's WebSocket (undici, 16 MB and 50 ms), of node:crypto webcrypto (5 MB, 10 ms).
 */
export const { Agent, createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http');
export const {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  getFips,
  hash,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
  X509Certificate,
} = process.getBuiltinModule('node:crypto');
