//! The sealed-object format from outside: every guard shown red, every border crossed, and the
//! reference tool of Crypt4GH on the other side.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod support;
