//! Where programs of the machine are found.

/// The search path of whatever is started with an environment of its own: never that of the caller, in which
/// anything may stand before the system's programs.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
