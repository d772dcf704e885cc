//! Against real servers: hosts that go, come back, only read, or fall silent.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _, MySql, Postgres};

use super::*;
use crate::database::failure::Meaning;
use crate::database::testing::{self, Server};
use crate::database::url::Engine;

fn short() -> Settings {
    Settings { max_connections: 4, statement_limit: Duration::from_secs(2), ..Settings::default() }
}

async fn number<D: Backend>(pool: &Pool<D>, statement: &'static str) -> Result<i64, Failure>
where
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
    for<'q> D::Arguments: sqlx::IntoArguments<D>,
    i64: sqlx::Type<D> + for<'r> sqlx::Decode<'r, D>,
    usize: sqlx::ColumnIndex<D::Row>,
    (i64,): for<'r> sqlx::FromRow<'r, D::Row>,
{
    let mut connection = pool.acquire().await?;
    let limit = connection.limit();
    let answer = limit.run(sqlx::query_scalar::<D, i64>(statement).fetch_one(&mut *connection)).await?;
    connection.release();
    Ok(answer)
}

const POSTGRES_PID: &str = "SELECT pg_backend_pid()::bigint";
const MYSQL_PID: &str = "SELECT CAST(CONNECTION_ID() AS SIGNED)";

#[tokio::test]
async fn a_connection_is_used_again_and_what_was_begun_is_rolled_back() {
    let pool = Pool::<Postgres>::new(testing::postgres(), short());
    let first = number(&pool, POSTGRES_PID).await.unwrap();
    assert_eq!(number(&pool, POSTGRES_PID).await.unwrap(), first);
    {
        let mut connection = pool.acquire().await.unwrap();
        connection.execute("CREATE TABLE t (x int)").await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
    }
    assert_eq!(number(&pool, "SELECT count(*) FROM t").await.unwrap(), 0);
    pool.close().await;
    assert!(pool.acquire().await.is_err_and(|failure| failure.is_unavailable()));
}

#[tokio::test]
async fn connections_are_bounded_and_waiting_for_one_ends() {
    let settings = Settings { max_connections: 1, acquire_limit: Duration::from_millis(200), ..short() };
    let pool = Pool::<MySql>::new(testing::mariadb(), settings);
    let held = pool.acquire().await.unwrap();
    let told = pool.acquire().await.err().unwrap();
    assert!(told.is_unavailable() && told.to_string().contains("all 1 connections"), "{told}");
    held.release();
    number(&pool, MYSQL_PID).await.unwrap();
}

#[tokio::test]
async fn statements_and_lock_waits_end_in_time() {
    let settings = Settings { lock_limit: Duration::from_secs(1), ..short() };
    let pool = Pool::<Postgres>::new(testing::postgres(), settings.clone());
    let slow = number(&pool, "SELECT 1::bigint FROM pg_sleep(10)").await.unwrap_err();
    assert_eq!((slow.meaning, slow.state.as_deref()), (Meaning::Unavailable, Some("57014")));
    let pool = Pool::<MySql>::new(testing::mariadb(), settings);
    let slow = number(&pool, "SELECT CAST(SLEEP(10) AS SIGNED)").await.unwrap_err();
    assert_eq!(slow.meaning, Meaning::Unavailable, "{slow}");
    number(&pool, "SELECT 1").await.unwrap();
    let mut holder = pool.acquire().await.unwrap();
    holder.execute("CREATE TABLE t (x INT PRIMARY KEY)").await.unwrap();
    let mut transaction = holder.begin().await.unwrap();
    transaction.execute("INSERT INTO t VALUES (1)").await.unwrap();
    let mut waiter = pool.acquire().await.unwrap();
    let limit = waiter.limit();
    let waited = limit.run(waiter.execute("INSERT INTO t VALUES (1)")).await.unwrap_err();
    assert_eq!(waited.meaning, Meaning::Retry, "{waited}");
}

#[tokio::test]
async fn errors_mean_what_they_should() {
    let pool = Pool::<Postgres>::new(testing::postgres(), short());
    assert_eq!(number(&pool, "SELECT count(*) FROM nothing").await.unwrap_err().meaning, Meaning::MissingTable);
    assert_eq!(number(&pool, "SELECT 3000000000::int::bigint").await.unwrap_err().meaning, Meaning::OutOfRange);
    let pool = Pool::<MySql>::new(testing::mariadb(), short());
    let missing = number(&pool, "SELECT count(*) FROM nothing").await.unwrap_err();
    assert_eq!((missing.meaning, missing.state.as_deref()), (Meaning::MissingTable, Some("42S02 (1146)")));
    let nowhere = Pool::<MySql>::new(testing::mariadb().with_database("nowhere"), short());
    let denied = nowhere.acquire().await.err().unwrap();
    assert_eq!(denied.meaning, Meaning::Denied, "{denied}");
    assert!(denied.to_string().contains("nowhere"), "{denied}");
}

/// The same server behind several hosts, of which the first is somebody else.
fn behind(first: u16, port: u16, engine: Engine) -> Url {
    let text = match engine {
        Engine::Postgres => format!("postgres://postgres@127.0.0.1:{first},127.0.0.1:{port}/test?sslmode=disable"),
        Engine::MySql => format!("root@tcp(127.0.0.1:{first},127.0.0.1:{port})/test"),
    };
    Url::parse(engine, &text).unwrap()
}

#[tokio::test]
async fn the_next_host_serves_when_one_refuses_or_is_silent() {
    let server = Server::postgres();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for first in [refusing, silent.local_addr().unwrap().port()] {
        let pool = Pool::<Postgres>::new(behind(first, server.port(), Engine::Postgres), short());
        let begun = Instant::now();
        number(&pool, POSTGRES_PID).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }
    let alone = Pool::<Postgres>::new(server.url(), short());
    number(&alone, POSTGRES_PID).await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_left_and_used_again_when_it_is_back() {
    let (mut first, second) = (Server::mariadb(), Server::mariadb());
    let pool = Pool::<MySql>::new(behind(first.port(), second.port(), Engine::MySql), short());
    let port = "SELECT CAST(@@port AS SIGNED)";
    assert_eq!(number(&pool, port).await.unwrap(), i64::from(first.port()));
    first.kill();
    let begun = Instant::now();
    while number(&pool, port).await.ok() != Some(i64::from(second.port())) {
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
    let alone = Pool::<MySql>::new(first.url(), short());
    let gone = number(&alone, port).await.unwrap_err();
    assert!(gone.is_unavailable() && gone.to_string().contains(&first.port().to_string()), "{gone}");
    first.start();
    number(&alone, port).await.unwrap();
}

#[tokio::test]
async fn a_host_that_only_reads_counts_as_away() {
    let (first, second) = (Server::mariadb(), Server::mariadb());
    let pool = Pool::<MySql>::new(behind(first.port(), second.port(), Engine::MySql), short());
    let port = "SELECT CAST(@@port AS SIGNED)";
    assert_eq!(number(&pool, port).await.unwrap(), i64::from(first.port()));
    let alone = Pool::<MySql>::new(first.url(), short());
    alone.acquire().await.unwrap().execute("SET GLOBAL read_only = 1").await.unwrap();
    let fresh = Pool::<MySql>::new(behind(first.port(), second.port(), Engine::MySql), short());
    assert_eq!(number(&fresh, port).await.unwrap(), i64::from(second.port()));
    let told = Pool::<MySql>::new(first.url(), short()).acquire().await.err().unwrap();
    assert!(told.is_unavailable() && told.to_string().contains("only reads"), "{told}");
}
