//! The helper in a jail like the one it is made for, and the shipped workflows in it.

mod helper;
mod jail;
mod shipped;
