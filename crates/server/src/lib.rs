//! Handlers of the contract, one file a resource.
