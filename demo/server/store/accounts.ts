/** The two customers that there are; the page shows them, so that a visitor can be either. */
export const ACCOUNTS = [
  { email: 'ada@example.com', name: 'Ada', password: 'tulips-in-may' },
  { email: 'grace@example.com', name: 'Grace', password: 'harbour-lights' },
] as const
