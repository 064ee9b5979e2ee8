// What travels between Python and the browser: typed arrays and bit masks as base64. Mirrors codec.py.

export function bytesFromBase64(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

export function base64FromBytes(bytes) {
  let raw = "";
  for (let i = 0; i < bytes.length; i += 8192) raw += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(raw);
}

const KINDS = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

/** A typed array from { dtype, base64 }. */
export function arrayFrom(packed) {
  return new KINDS[packed.dtype](bytesFromBase64(packed.base64).buffer);
}

/** Base64 of a mask with bit i of byte i >> 3 set for each selected row i. */
export function maskFromFlags(flags) {
  const bytes = new Uint8Array((flags.length + 7) >> 3);
  for (let i = 0; i < flags.length; i++) if (flags[i]) bytes[i >> 3] |= 1 << (i & 7);
  return base64FromBytes(bytes);
}

/** One byte a row, 1 where the mask has its bit set. */
export function flagsFromMask(mask, n) {
  const bytes = bytesFromBase64(mask);
  const flags = new Uint8Array(n);
  for (let i = 0; i < n; i++) flags[i] = (bytes[i >> 3] >> (i & 7)) & 1;
  return flags;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** Hexadecimal text of `width` bytes at place `row`. */
export function hexAt(bytes, row, width) {
  let text = "";
  for (let i = row * width; i < (row + 1) * width; i++) text += HEX[bytes[i]];
  return text;
}
