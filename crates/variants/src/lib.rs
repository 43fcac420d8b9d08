//! The encrypted variant lake: load, annotate, rank, query.
