//! Reading over HTTP, and downloads.

mod http;
