import { z } from 'zod';

/**
 * Money is decimal text from end to end and fits decimal(19,4). A JSON number is accepted where its text can still be
 * known: JSON.parse has turned it into a double, so the rule looks at the double's shortest decimal form, which is what
 * String(value) gives. Up to 15 significant digits a double returns the decimal it was read from; beyond them it may be
 * another one, and is refused. String() writes an exponent below 1e-6 and from 1e21 on; both are outside the rule
 * anyway (4 decimals, 15 whole digits), so exponents need no expansion. Hence 1e3 is "1000", 5.10 is "5.1",
 * 0.1000000000000000055 is "0.1" (the same double), and 1e21, 1e400, 1e-7 and 0.30000000000000004 are refused.
 */
const DECIMAL = /^(0|[1-9]\d{0,14})(\.\d{1,4})?$/;
const MAX_SIGNIFICANT_DIGITS = 15;

const FORM =
  'decimal text with at most 15 digits before and 4 after the point, or a number of at most 15 significant digits and 4 decimals';

/** Money as plain decimal text; null for what is not money. Text stays as it is: "5.00" is not shortened. */
export function decimalText(value: string | number): string | null {
  const decimal = String(value);
  if (!DECIMAL.test(decimal)) return null;
  return typeof value === 'number' && significantDigits(decimal) > MAX_SIGNIFICANT_DIGITS ? null : decimal;
}

function significantDigits(decimal: string): number {
  return decimal.replace('.', '').replace(/^0+/, '').length;
}

const isPositive = (decimal: string) => /[1-9]/.test(decimal);

function moneySchema(meaning: string) {
  const fromNumber = z.number(meaning).transform((value, context) => {
    const decimal = decimalText(value);
    if (decimal !== null) return decimal;
    context.addIssue(meaning);
    return z.NEVER;
  });
  return z.union([z.string(meaning).regex(DECIMAL, meaning), fromNumber], meaning);
}

const AMOUNT = `must be an amount of zero or more: ${FORM}`;
const POSITIVE_AMOUNT = `must be an amount above zero: ${FORM}`;

/** Zero or more. */
export const amount = moneySchema(AMOUNT).meta({ description: `Money; ${AMOUNT}`, examples: ['59.97'] });

/** More than zero. */
export const positiveAmount = moneySchema(POSITIVE_AMOUNT)
  .refine(isPositive, POSITIVE_AMOUNT)
  .meta({ description: `Money; ${POSITIVE_AMOUNT}`, examples: ['59.97'] });

const CURRENCY = 'must be three capital letters, like EUR';
export const currency = z
  .string(CURRENCY)
  .regex(/^[A-Z]{3}$/, CURRENCY)
  .meta({ examples: ['EUR'] });
