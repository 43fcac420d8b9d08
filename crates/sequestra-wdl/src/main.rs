//! The WDL engine as a helper that runs only inside a sealed job.

fn main() {}
