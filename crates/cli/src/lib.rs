//! The command line, one file a command; a client of the site's process.
