//! The helper in a jail like the one it is made for, and the shipped workflows in it.

#[cfg(test)]
mod helper;
#[cfg(test)]
mod jail;
#[cfg(test)]
mod shipped;
