//! `migrate` as a command: which of the migrator's acts is asked for, and what is said about it.

use super::{Before, Catalog, Component, Migrator, Outcome, SchemaError};
use crate::database::pool::Pool;

/// What `migrate` is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Do nothing, say what would be done.
    pub dry_run: bool,
    /// End the sharing with Notary.
    pub leave_notary: bool,
}

/// Does what is asked for; gives the text to print. Closes the pool.
///
/// # Errors
/// As [`Migrator::apply`].
pub async fn migrate<D: Catalog>(pool: &Pool<D>, component: Component, order: Order) -> Result<String, SchemaError> {
    let migrator = Migrator::new(pool.clone(), component);
    let outcome = match (order.dry_run, order.leave_notary) {
        (true, false) => migrator.plan().await?,
        (true, true) => migrator.plan_leave().await?,
        (false, false) => migrator.apply().await?,
        (false, true) => migrator.leave_notary().await?,
    };
    pool.close().await;
    Ok(outcome.report(order.dry_run))
}

impl Outcome {
    /// What was found, what was done or would be, and what is the case then; statements as they can be run by hand.
    #[must_use]
    pub fn report(&self, dry_run: bool) -> String {
        let found = match self.before {
            Before::Empty => "no tables".to_owned(),
            Before::Notary(Some(version)) => format!("Notary's tables, version {version}"),
            Before::Notary(None) => "Notary's tables, of no version".to_owned(),
            Before::Known(version) => format!("tables of version {version}"),
        };
        let mut text = format!("-- found: {found}\n");
        if self.statements.is_empty() {
            text.push_str("-- nothing to do\n");
        } else {
            text.push_str(if dry_run { "-- would run:\n" } else { "-- ran:\n" });
        }
        for statement in &self.statements {
            text.push_str(statement);
            text.push_str(if statement.starts_with("--") { "\n" } else { ";\n" });
        }
        let shared = if self.shared_with_notary { "shared with Notary" } else { "not shared with Notary" };
        let then = if dry_run { "then" } else { "now" };
        text.push_str(&format!("-- {then}: version {}, {shared}\n", self.version));
        text
    }
}
