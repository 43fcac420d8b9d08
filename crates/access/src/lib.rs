//! Accounts, sessions, roles, and the only maker of permits.
