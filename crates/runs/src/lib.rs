//! Tools, workflows, sealed runs and their receipts.
