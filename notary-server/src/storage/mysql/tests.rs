//! What is special to MySQL and MariaDB.

use std::sync::Arc;

use notary_service::database::{Settings, Url, testing};

use super::MySql;
use crate::storage::contract::apart::{a_name_lives_twice, roles_of_any_name_are_kept_apart};
use crate::storage::contract::{Fixture, storage_contract};
use crate::storage::sql::schema::Prepare;

async fn open() -> Fixture {
    Fixture::new(open_at(testing::mariadb()).await)
}

storage_contract!(open);

mod on_tuf_tables {
    use super::{Fixture, open_at, storage_contract, testing};

    async fn open() -> Fixture {
        Fixture::new(open_at(testing::mariadb()).await.tuf())
    }

    storage_contract!(open);
}

#[tokio::test]
async fn the_dialects_are_apart() {
    let store = open_at(testing::mariadb()).await;
    let tuf = store.tuf();
    a_name_lives_twice(Arc::new(store), Arc::new(tuf)).await;
}

#[tokio::test]
async fn roles_of_any_name_are_kept() {
    roles_of_any_name_are_kept_apart(Arc::new(open_at(testing::mariadb()).await.tuf())).await;
}

pub(super) async fn open_at(url: Url) -> MySql {
    MySql::open(url, Settings::default(), Prepare::Migrate).await.unwrap()
}
