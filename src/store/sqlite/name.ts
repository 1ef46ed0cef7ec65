/** Of the database in a data folder. */
export const DATABASE_NAME = 'bulkhead.sqlite';
