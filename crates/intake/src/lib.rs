//! The controlled door: checks, screening and sealing of what arrives.
