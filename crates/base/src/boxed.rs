//! Futures that are compiled where they are written.

use std::pin::Pin;

/// A future on the heap, of a type without a name.
///
/// The body of an `async fn` is compiled anew in every crate that awaits it, and so is all that it awaits itself. A function
/// that much else stands on gives this instead: its body is compiled once, in its own crate. The cost is one allocation a call.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
