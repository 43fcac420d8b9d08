//! A site of the tests own: a host, and a process that answers as told.
