//! Parts of metrics that both services show.

mod certificate;
mod histogram;
mod process;

pub use certificate::Certificate;
pub use histogram::Histogram;
pub use process::Process;
