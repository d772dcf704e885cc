//! What is special to PostgreSQL.

use notary_service::database::{Settings, Url, testing};

use super::Postgres;
use crate::storage::contract::{Fixture, storage_contract};
use crate::storage::sql::schema::Prepare;

async fn open() -> Fixture {
    Fixture::new(open_at(testing::postgres()).await)
}

storage_contract!(open);

pub(super) async fn open_at(url: Url) -> Postgres {
    Postgres::open(url, Settings::default(), Prepare::Migrate).await.unwrap()
}
