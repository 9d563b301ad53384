/** Decimal text as people read it: at least two decimals and no more than needed ("5.00", "19.9999"). */
export function showMoney(decimal: string): string {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return `${whole}.${fraction.replace(/0+$/, '').padEnd(2, '0')}`;
}
