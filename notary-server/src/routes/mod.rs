//! What the server answers.

mod app;
pub mod ops;
pub mod unknown;

pub use app::App;
