/** Whether a value satisfies the requirement of an extra spec, in the operators of Nova's extra specs: `=` is numeric and means at least. */
export function matchesExtraSpec(value: string, requirement: string): boolean {
  const [first = '', ...rest] = requirement.trim().split(/\s+/);
  const operand = rest.join(' ');
  const [left, right] = [numberOf(value), numberOf(operand)];
  switch (first) {
    case '=':
    case '>=':
      return left >= right;
    case '==':
      return left === right;
    case '!=':
      return left !== right && !Number.isNaN(left) && !Number.isNaN(right);
    case '<=':
      return left <= right;
    case 's==':
      return value === operand;
    case 's!=':
      return value !== operand;
    case 's<':
      return value < operand;
    case 's<=':
      return value <= operand;
    case 's>':
      return value > operand;
    case 's>=':
      return value >= operand;
    case '<in>':
      return value.includes(operand);
    case '<all-in>':
      return rest.every((part) => value.includes(part));
    case '<or>':
      return operand.split(/\s*<or>\s*/).includes(value);
    default:
      return value === requirement;
  }
}

const numberOf = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));
