//! The sealed-object format: Crypt4GH header and segments, plus the integrity tree.
