import { expect, test } from 'vitest';
import { chosenCells, nameOf, nextOperation, operation, operationNames } from './cells.ts';

test('every step of every operation dies under every victim', () => {
  const steps = operationNames.reduce((sum, name) => sum + operation(name).steps.length, 0);
  expect(chosenCells([])).toHaveLength(3 * steps);
  expect(operation('build').steps.length).toBeGreaterThan(2);
});

test('a part is chosen by operation, victim and step', () => {
  expect(chosenCells(['resize/libvirtd/2']).map(nameOf)).toEqual(['resize/libvirtd/2']);
  expect(new Set(chosenCells(['*/postgresql']).map(({ victim }) => victim))).toEqual(new Set(['postgresql']));
  expect(chosenCells(['delete'])).toHaveLength(3 * operation('delete').steps.length);
  expect(() => chosenCells(['resize/nobody'])).toThrow('resize/nobody names no cell');
});

test('the next operation leads to a stage from which a cell can be tried', () => {
  expect(nextOperation('none', chosenCells(['revert/kilonova/0']))).toBe('build');
  expect(nextOperation('active', chosenCells(['revert/kilonova/0']))).toBe('resize');
  expect(nextOperation('resized', chosenCells(['revert/kilonova/0']))).toBe('revert');
  expect(nextOperation('resized', chosenCells(['detach/kilonova/0']))).toBe('confirm');
  expect(nextOperation('active', [])).toBe(null);
});
