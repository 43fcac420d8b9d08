//! Makes a small synthetic case: reference, genes, variants and reads.
