//! Pure detectors: identifier columns and values, log redaction.
