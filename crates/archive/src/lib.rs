//! Versioned, immutable, sealed objects.
