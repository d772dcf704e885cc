//! Metrics for `/metrics`, and what is said about each request.

mod requests;

pub mod metrics;

pub use metrics::Metrics;
pub use requests::{Failure, Observed};
