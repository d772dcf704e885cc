//! Parts of metrics that both services show.

mod histogram;
mod process;

pub use histogram::Histogram;
pub use process::Process;
