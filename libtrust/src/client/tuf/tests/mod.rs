//! Reading over HTTP, and downloads.

mod artifacts;
mod http;
