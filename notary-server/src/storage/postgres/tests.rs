//! The contract on tables of our own, and what is special to PostgreSQL.

use std::sync::Arc;

use notary_service::database::{PostgresPool, Settings, Url, testing};
use sqlx::{AssertSqlSafe, Executor as _};

use super::Postgres;
use crate::storage::contract::apart::{a_name_lives_twice, roles_of_any_name_are_kept_apart};
use crate::storage::contract::{Fixture, storage_contract};
use crate::storage::sql::schema::Prepare;

async fn open() -> Fixture {
    Fixture::new(open_at(testing::postgres()).await)
}

storage_contract!(open);

mod on_tuf_tables {
    use super::{Fixture, open_at, storage_contract, testing};

    async fn open() -> Fixture {
        Fixture::new(open_at(testing::postgres()).await.tuf())
    }

    storage_contract!(open);
}

#[tokio::test]
async fn the_dialects_are_apart() {
    let store = open_at(testing::postgres()).await;
    let tuf = store.tuf();
    a_name_lives_twice(Arc::new(store), Arc::new(tuf)).await;
}

#[tokio::test]
async fn roles_of_any_name_are_kept() {
    roles_of_any_name_are_kept_apart(Arc::new(open_at(testing::postgres()).await.tuf())).await;
}

pub(super) async fn open_at(url: Url) -> Postgres {
    Postgres::open(url, Settings::default(), Prepare::Migrate).await.unwrap()
}

/// Runs statements on a connection of their own, as another program would.
pub(super) async fn run(url: &Url, statements: &[&str]) {
    let pool = PostgresPool::new(url.clone(), Settings::default());
    let mut connection = pool.acquire().await.unwrap();
    for statement in statements {
        (*connection).execute(AssertSqlSafe(*statement)).await.unwrap();
    }
    connection.release();
}
