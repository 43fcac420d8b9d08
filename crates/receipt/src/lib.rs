//! Signed in-toto receipts with ledger inclusion proofs, made and verified offline.
