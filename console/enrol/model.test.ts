// Enrolment: the name of a device, complete forms, a QR code that can be read.
import { expect, test } from 'bun:test';
import { createSteps, deviceName, drawQr, isComplete, trimmed } from './model.ts';

test('a device gets a name that its owner recognises', () => {
  expect(deviceName('Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15')).toBe('iPhone');
  expect(deviceName('Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/147')).toBe('Android phone');
  expect(deviceName('Mozilla/5.0 (X11; Linux x86_64) Chrome/147')).toBe('Linux PC');
  expect(deviceName('')).toBe('Browser');
});

test('spaces are no name', () => {
  const full = { orgName: ' Kestrel ', memberName: 'ana', deviceName: 'phone' };
  expect(isComplete(full)).toBe(true);
  expect(isComplete({ ...full, memberName: '  ' })).toBe(false);
  expect(trimmed(full).orgName).toBe('Kestrel');
  expect(createSteps.at(-1)).toBe('done');
});

test('a QR code is square, has a quiet edge, and differs for another link', () => {
  const { size, path } = drawQr('https://vault.example.org/#invite=abc');
  expect(size).toBeGreaterThan(24);
  expect(path).not.toContain('M0 ');
  expect(path).toContain('M2 2h1v1h-1z');
  expect(drawQr('https://vault.example.org/#invite=abd').path).not.toBe(path);
});
