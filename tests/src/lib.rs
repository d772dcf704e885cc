//! The harness of the stories: real peers, each started on a free loopback port with its state in a temporary folder.
//!
//! * [`process`]: a peer's process, ended by its id when its guard goes; [`command`]: a program run to its end.
//! * [`peers`]: the programs themselves: trust servers, registry, Docker engine and clients, `notary`, PostgreSQL.
//! * [`operator`]: Notary v1 as an operator has it, on a database, with people who publish.
//! * [`trust_server`]: the server under test, chosen by `STORY_SERVER`.
//! * [`signing`]: collections signed here, without any of the product's code; [`wire`]: raw HTTP.
//! * [`attacker`]: somebody between clients and a server, who rolls back, freezes, mixes and breaks off.
//! * [`images`]: images pushed by raw HTTP.
//! * [`load`]: publishers and readers that go on through failures and know what was acknowledged.
//! * [`images`]: images in a registry, without an engine.
//! * [`person`]: somebody who publishes and reads with our library.
//! * [`tuf`]: TUF 1.0 repositories, web servers that misbehave, and clients of several languages behind one command line.
//! * [`tls`], [`ports`]: certificates and ports for all of them.
//!
//! Environment: `STORY_SERVER` (`ours`, `go`), `NOTARY_SERVER_BIN` and `NOTARY_SIGNER_BIN` (another build of ours), `STORY_KILLS` (how often the
//! durability story kills).
//!
//! What peers print is shown by the test runner when a story fails.
#![forbid(unsafe_code)]

pub mod attacker;
pub mod command;
pub mod images;
pub mod load;
pub mod operator;
pub mod peers;
pub mod person;
pub mod ports;
pub mod process;
pub mod signing;
pub mod tls;
pub mod trust_server;
pub mod tuf;
pub mod wire;
