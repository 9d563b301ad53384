/** Of every hundred events so many are of each kind; duplicates and poison come on top. */
export const MIX = { users: 10, orders: 40, payments: 35, inventory: 15 } as const;
