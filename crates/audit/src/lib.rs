//! The closed vocabulary of events, written to the ledger and read back for people.
