//! What is special to this kind of database.

use async_trait::async_trait;
use notary_service::database::schema::{Migrator, Prepare};
use notary_service::database::{MySqlPool, Settings, Url, testing};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

use super::{BY_ID, EXISTS, MySqlKeyStore, PENDING};
use crate::keystore::contract_sql::{Kind, sql_tests};
use crate::keystore::{KeyStoreError, Passphrases, SIGNER, SealedRows, notary};
use crate::seal::Iterations;

struct MariaDb;

#[async_trait]
impl Kind for MariaDb {
    type Store = MySqlKeyStore;

    const NOTARY: &'static str = notary::MYSQL;

    const LOOK_UPS: &'static [(&'static str, &'static str)] =
        &[(PENDING, "private_keys_gun"), (BY_ID, "key_id"), (EXISTS, "key_id")];

    fn database() -> Url {
        testing::mariadb()
    }

    async fn try_open(url: Url, at_open: Prepare, passphrases: Passphrases) -> Result<MySqlKeyStore, KeyStoreError> {
        MySqlKeyStore::open(url, Settings::default(), at_open, passphrases, Iterations::MIN).await
    }

    fn rows(store: &MySqlKeyStore) -> Box<dyn SealedRows> {
        Box::new(store.rows())
    }

    async fn run(url: &Url, statements: &[&str]) {
        let mut connection = MySqlPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
        for statement in statements {
            (*connection).execute(AssertSqlSafe(*statement)).await.unwrap();
        }
    }

    async fn leave(url: &Url) {
        let pool = MySqlPool::new(url.clone(), Settings::default());
        Migrator::new(pool, SIGNER).leave_notary().await.unwrap();
    }

    async fn uses_index(url: &Url, query: &str, index: &str) -> bool {
        let mut connection = MySqlPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN {query}"));
        let mut explain = sqlx::query(explain);
        for value in ["example.org/7", "example.org/7", "timestamp", "ed25519"].iter().take(query.matches('?').count())
        {
            explain = explain.bind(*value);
        }
        let plan = explain.fetch_all(&mut *connection).await.unwrap();
        // A look-up by a unique key that finds nothing is over before it has a plan.
        let text = |row: &MySqlRow, name: &str| row.try_get::<Option<String>, _>(name).unwrap().unwrap_or_default();
        plan.iter().any(|row| text(row, "key") == index || text(row, "Extra").contains("const table"))
    }

    async fn number(url: &Url, query: &str) -> i64 {
        let mut connection = MySqlPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut *connection).await.unwrap()
    }

    fn insert(id: &str, gun: &str, role: &str, public: &[u8], private: &str, alias: &str) -> String {
        notary::insert_mysql(id, gun, role, public, private, alias)
    }
}

sql_tests!(MariaDb);
