//! The system's limit on open files, so that connections never take the files storage needs.

/// Files kept for everything that is not a connection: databases, logs, listeners.
const RESERVED: u32 = 64;

/// At most `connections`, and no more than the system's limit on open files leaves; logs if that is fewer.
#[must_use]
pub fn affordable(connections: u32) -> u32 {
    let Some(files) = std::fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(soft_limit) else {
        return connections;
    };
    let affordable = connections.min(files.saturating_sub(RESERVED).max(1));
    if affordable < connections {
        tracing::warn!(
            limit.open_files = files,
            limit.connections = affordable,
            "fewer connections than configured: the system allows too few open files (ulimit -n)"
        );
    }
    affordable
}

fn soft_limit(limits: &str) -> Option<u32> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => None,
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let text = "Limit      Soft Limit   Hard Limit   Units\nMax open files            1024                 524288    files\n";
        assert_eq!(soft_limit(text), Some(1024));
        assert_eq!(soft_limit("Max open files  unlimited unlimited files"), None);
        assert_eq!(soft_limit(""), None);
    }
}
