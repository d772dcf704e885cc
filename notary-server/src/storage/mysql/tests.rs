//! What is special to MySQL and MariaDB.

use notary_service::database::{Settings, Url, testing};

use super::MySql;
use crate::storage::contract::{Fixture, storage_contract};
use crate::storage::sql::schema::Prepare;

async fn open() -> Fixture {
    Fixture::new(open_at(testing::mariadb()).await)
}

storage_contract!(open);

pub(super) async fn open_at(url: Url) -> MySql {
    MySql::open(url, Settings::default(), Prepare::Migrate).await.unwrap()
}
