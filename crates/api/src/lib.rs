//! The HTTP contract: requests, responses and the list of routes. No logic.
