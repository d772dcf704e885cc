//! `limits`: bounds on what clients may cost us. Each says which attack it stops.

use notary_service::listen::affordable;
use std::time::Duration;

use serde_json::{Value, json};

use notary_service::config::ConfigError;
use notary_service::config::Section;
use notary_service::config::units::print_duration;

pub(super) const KEYS: &[&str] = &[
    "upload_bytes",
    "upload_bytes_in_flight",
    "upload_parts",
    "json_depth",
    "name_bytes",
    "changefeed_records",
    "request_time",
    "header_time",
    "idle_time",
    "handshake_time",
    "drain_time",
    "connections",
];

/// Bounds on what clients may cost us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest upload, in bytes. Default 128 MiB: Notary's clients read files up to 100 MiB. Stops memory exhaustion.
    pub upload_bytes: u64,
    /// Largest sum of all uploads being read at once, in bytes. Default 512 MiB; never less than `upload_bytes`.
    /// Stops many large uploads from doing together what one may not.
    pub upload_bytes_in_flight: u64,
    /// Most files in one upload. Default 512: one per role. Stops verification work without end.
    pub upload_parts: u64,
    /// Deepest JSON nesting in an uploaded file. Default 32; real metadata needs 7. Stops stack exhaustion.
    pub json_depth: u64,
    /// Longest image name or role name, in bytes. Default and maximum 255, the width of Notary's columns.
    pub name_bytes: u64,
    /// Most records in one page of the change feed; a request for more gets this many. Default 1000.
    pub changefeed_records: u64,
    /// Longest time from a request's header to its answer, reading the upload included. Default 120 s. Also how long
    /// a client may take none of the bytes sent to it. Stops slow uploads and readers that never read.
    pub request_time: Duration,
    /// Longest time for a request's header to arrive once it has begun, or the first of a connection. Default 10 s.
    /// Stops clients that send a byte at a time.
    pub header_time: Duration,
    /// Longest rest of a connection between requests. Default 120 s: longer than Go's clients keep one, so that they
    /// never send on a connection being closed.
    pub idle_time: Duration,
    /// Longest TLS handshake. Default 10 s.
    pub handshake_time: Duration,
    /// How long a stopping server waits for requests under way. Default 20 s.
    pub drain_time: Duration,
    /// Most connections at once; further ones wait in the system's queue. Default 4096, and never more than the
    /// system's limit on open files allows.
    pub connections: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 128 << 20,
            upload_bytes_in_flight: 512 << 20,
            upload_parts: 512,
            json_depth: 32,
            name_bytes: 255,
            changefeed_records: 1000,
            request_time: Duration::from_secs(120),
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(120),
            handshake_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(20),
            connections: 4096,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const SHORTEST: Duration = Duration::from_millis(100);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let mut limits = Self::default();
        let l = &mut limits;
        set(&mut l.upload_bytes, section.bytes("upload_bytes", 1 << 10..=4 << 30)?);
        let in_flight = section.bytes("upload_bytes_in_flight", l.upload_bytes..=64 << 30)?;
        l.upload_bytes_in_flight = in_flight.unwrap_or(l.upload_bytes_in_flight.max(l.upload_bytes));
        set(&mut l.upload_parts, section.integer("upload_parts", 1..=65_536)?);
        set(&mut l.json_depth, section.integer("json_depth", 8..=256)?);
        set(&mut l.name_bytes, section.integer("name_bytes", 1..=255)?);
        set(&mut l.changefeed_records, section.integer("changefeed_records", 1..=100_000)?);
        set(&mut l.connections, section.integer("connections", 1..=1_000_000)?);
        for (field, key) in [
            (&mut l.request_time, "request_time"),
            (&mut l.header_time, "header_time"),
            (&mut l.idle_time, "idle_time"),
            (&mut l.handshake_time, "handshake_time"),
            (&mut l.drain_time, "drain_time"),
        ] {
            set(field, section.duration(key, SHORTEST..=DAY)?);
        }
        Ok(limits)
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "upload_bytes": self.upload_bytes,
            "upload_bytes_in_flight": self.upload_bytes_in_flight,
            "upload_parts": self.upload_parts,
            "json_depth": self.json_depth,
            "name_bytes": self.name_bytes,
            "changefeed_records": self.changefeed_records,
            "request_time": print_duration(self.request_time),
            "header_time": print_duration(self.header_time),
            "idle_time": print_duration(self.idle_time),
            "handshake_time": print_duration(self.handshake_time),
            "drain_time": print_duration(self.drain_time),
            "connections": self.connections,
        })
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl From<&Limits> for notary_service::listen::Limits {
    fn from(limits: &Limits) -> Self {
        Self {
            request: limits.request_time,
            header: limits.header_time,
            idle: limits.idle_time,
            handshake: limits.handshake_time,
            drain: limits.drain_time,
            connections: affordable(u32::try_from(limits.connections).unwrap_or(u32::MAX)),
        }
    }
}
