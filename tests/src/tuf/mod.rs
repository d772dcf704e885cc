//! TUF 1.0 beyond our own programs.
//!
//! * [`client`]: ours and four other people's, driven by the same arguments; [`User`](client::User) is one with its folders.
//! * [`maker`]: repositories made by python-tuf, step by step, with everybody's keys.
//! * [`attacked`]: a repository, a user, and an attacker between them.
//! * [`keeper`]: somebody who keeps a repository with `trust tuf`.
//! * [`site`]: a web server for such a repository that notes what is asked and can misbehave.

pub mod attacked;
pub mod client;
pub mod keeper;
pub mod maker;
pub mod site;
