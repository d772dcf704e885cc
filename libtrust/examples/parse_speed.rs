//! How fast a targets file is read and verified: `cargo run --release -p libtrust --example parse_speed`.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use libtrust::dialect::{Dialect, Envelope};
use libtrust::json::{Numbers, Value, to_canonical};
use libtrust::limits::Limits;
use libtrust::metadata::{FileMeta, Targets};
use libtrust::names::RoleName;
use libtrust::testing::Publisher;
use libtrust::verify::{Expiration, SigningKeys, Verified, verify};

fn main() {
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "tags", "bytes", "json", "canonical", "parse", "verify", "digests"
    );
    for tags in [10, 1_000, 100_000] {
        let (mut publisher, _) = Publisher::whole("example.com/speed");
        publisher.tag(tags, 1);
        let file = publisher.targets_file();
        let keys = SigningKeys::of_role(&publisher.root, &RoleName::Targets).unwrap();
        let expiration = Expiration::Enforced(publisher.now);
        let limits = Limits::default();
        let parse = || Envelope::parse(Dialect::Notary, RoleName::Targets, &file, &limits).unwrap();
        let (value, envelope) = (Value::parse(&file, limits.json_depth).unwrap(), parse());
        let steps = [
            fastest(|| Value::parse(&file, limits.json_depth).unwrap()),
            fastest(|| to_canonical(&value, Numbers::WithinDoubles).unwrap()),
            fastest(parse),
            fastest(|| -> Verified<Targets> { verify(&envelope, &keys, expiration).unwrap() }),
            fastest(|| FileMeta::of(&file)),
        ];
        print!("{tags:>8} {:>10}", file.len());
        for step in steps {
            print!(" {:>5.0} MB/s", file.len() as f64 / step.as_secs_f64() / 1e6);
        }
        println!("   parse and verify: {:?}", steps[2] + steps[3]);
    }
}

/// The fastest of as many runs as fit in half a second, three at least.
fn fastest<T>(run: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    let mut best = Duration::MAX;
    let mut runs = 0;
    while runs < 3 || start.elapsed() < Duration::from_millis(500) {
        let once = Instant::now();
        black_box(run());
        best = best.min(once.elapsed());
        runs += 1;
    }
    best
}
