//! Logs on standard error, metrics for `/metrics`, and what is said about each request.

mod json;
mod logs;
mod requests;

pub mod metrics;

pub use logs::{LogFormat, Logs, last_words};
pub use metrics::Metrics;
pub use requests::{Failure, Observed};
