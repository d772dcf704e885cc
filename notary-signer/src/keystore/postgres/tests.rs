//! What is special to this kind of database.

use async_trait::async_trait;
use notary_service::database::schema::{Migrator, Prepare};
use notary_service::database::{PostgresPool, Settings, Url, testing};
use sqlx::{AssertSqlSafe, Executor as _};

use super::{BY_ID, EXISTS, PENDING, PostgresKeyStore};
use crate::keystore::contract_sql::{Kind, sql_tests};
use crate::keystore::{KeyStoreError, Passphrases, SIGNER, SealedRows, notary};
use crate::seal::Iterations;

struct Postgres;

#[async_trait]
impl Kind for Postgres {
    type Store = PostgresKeyStore;

    const NOTARY: &'static str = notary::POSTGRES;

    const LOOK_UPS: &'static [(&'static str, &'static str)] =
        &[(PENDING, "private_keys_gun"), (BY_ID, "private_keys_key_id"), (EXISTS, "private_keys_key_id")];

    fn database() -> Url {
        testing::postgres()
    }

    async fn try_open(url: Url, at_open: Prepare, passphrases: Passphrases) -> Result<PostgresKeyStore, KeyStoreError> {
        PostgresKeyStore::open(url, Settings::default(), at_open, passphrases, Iterations::MIN).await
    }

    fn rows(store: &PostgresKeyStore) -> Box<dyn SealedRows> {
        Box::new(store.rows())
    }

    async fn run(url: &Url, statements: &[&str]) {
        let mut connection = PostgresPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
        for statement in statements {
            (*connection).execute(AssertSqlSafe(*statement)).await.unwrap();
        }
    }

    async fn leave(url: &Url) {
        let pool = PostgresPool::new(url.clone(), Settings::default());
        Migrator::new(pool, SIGNER).leave_notary().await.unwrap();
    }

    async fn uses_index(url: &Url, query: &str, index: &str) -> bool {
        let mut connection = PostgresPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
        let query = query.replace("$1", "'example.org/7'").replace("$2", "'timestamp'").replace("$3", "'ed25519'");
        (*connection).execute("ANALYZE private_keys").await.unwrap();
        // What a planner chooses for so few rows is no matter; what it can choose is.
        (*connection).execute("SET enable_seqscan = off").await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN {query}"));
        let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut *connection).await.unwrap();
        plan.iter().any(|line| line.contains(index))
    }

    async fn number(url: &Url, query: &str) -> i64 {
        let mut connection = PostgresPool::new(url.clone(), Settings::default()).acquire().await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut *connection).await.unwrap()
    }

    fn insert(id: &str, gun: &str, role: &str, public: &[u8], private: &str, alias: &str) -> String {
        notary::insert(id, gun, role, public, private, alias)
    }
}

sql_tests!(Postgres);
