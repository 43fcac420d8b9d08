//! The key hierarchy: site root, project and subject keys, object session keys.
