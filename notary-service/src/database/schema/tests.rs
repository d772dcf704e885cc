//! Every state a database can be found in, on both kinds.

use sqlx::{AssertSqlSafe, MySql, Postgres};

use super::*;
use crate::database::pool::Settings;
use crate::database::testing;

const NOTARY: NotaryTables = NotaryTables {
    tables: &[
        NotaryTable {
            name: "files",
            columns: &[NotaryColumn { name: "gun", since: 1 }, NotaryColumn { name: "sha256", since: 2 }],
        },
        NotaryTable { name: "feed", columns: &[NotaryColumn { name: "gun", since: 3 }] },
    ],
    version: 3,
};

const STEPS: [Step; 2] = [
    Step {
        version: 1,
        readable_since: 1,
        name: "tables",
        own: &[
            "CREATE TABLE IF NOT EXISTS files (gun varchar(20), sha256 char(64), own int)",
            "CREATE TABLE IF NOT EXISTS feed (gun varchar(20))",
        ],
        shared: &["CREATE TABLE IF NOT EXISTS beside (gun varchar(20))"],
        leave: &["CREATE TABLE IF NOT EXISTS gone (gun varchar(20))"],
    },
    Step {
        version: 2,
        readable_since: 1,
        name: "more",
        own: &["CREATE TABLE IF NOT EXISTS more (x int)"],
        shared: &["CREATE TABLE IF NOT EXISTS more (x int)"],
        leave: &[],
    },
];
const BREAKING: [Step; 3] = [
    STEPS[0],
    STEPS[1],
    Step { version: 3, readable_since: 3, name: "breaks", own: &["DROP TABLE more"], shared: &[], leave: &[] },
];
const WRONG: [Step; 2] = [STEPS[0], Step { own: &["CREATE NONSENSE"], ..STEPS[1] }];

const fn of(steps: &'static [Step]) -> Component {
    Component { name: "test", postgres: steps, mysql: steps, notary_postgres: NOTARY, notary_mysql: NOTARY }
}

const TEST: Component = of(&STEPS);
const FIRST: Component = of(STEPS.first_chunk::<1>().unwrap());

struct Fixture<D: Backend>(Pool<D>);

impl<D: Catalog> Fixture<D> {
    fn migrator(&self, component: Component) -> Migrator<D> {
        Migrator::new(self.0.clone(), component)
    }

    /// With connections of its own.
    fn another_program(&self) -> Migrator<D> {
        Migrator::new(Pool::new(self.0.url().clone(), Settings::default()), TEST)
    }

    async fn has(&self, table: &str) -> bool {
        let mut connection = self.0.acquire().await.unwrap();
        !D::columns(&mut connection, &[table]).await.unwrap().is_empty()
    }

    async fn sql(&self, statements: &str)
    where
        for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
    {
        let mut connection = self.0.acquire().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut *connection).await.unwrap();
    }

    async fn notary(&self, migrations: &str)
    where
        for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
    {
        self.sql("CREATE TABLE files (gun varchar(20), sha256 char(64)); CREATE TABLE feed (gun varchar(20))").await;
        self.sql(migrations).await;
    }
}

const MIGRATIONS: &str = "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); \
     INSERT INTO schema_migrations VALUES (3, false)";
const OLD_MIGRATIONS: &str = "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY); \
     INSERT INTO schema_migrations VALUES (1), (2), (3)";

macro_rules! on_both {
    ($($name:ident($fixture:ident) $body:block)*) => {
        mod on_postgres {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let $fixture = Fixture(Pool::<Postgres>::new(testing::postgres(), Settings::default()));
                $body
            })*
        }
        mod on_mariadb {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let $fixture = Fixture(Pool::<MySql>::new(testing::mariadb(), Settings::default()));
                $body
            })*
        }
    };
}

on_both! {
    an_empty_database_gets_our_tables_once(db) {
        let migrator = db.migrator(TEST);
        let plan = migrator.plan().await.unwrap();
        assert_eq!((plan.before, plan.version, plan.shared_with_notary), (Before::Empty, 2, false));
        assert!(plan.statements.iter().any(|statement| statement.contains("own int")), "{plan:?}");
        assert!(!db.has("files").await, "a plan changes nothing");
        assert_eq!(migrator.apply().await.unwrap().statements, plan.statements);
        assert!(db.has("files").await && db.has("more").await && !db.has("beside").await);
        let again = migrator.apply().await.unwrap();
        assert_eq!((again.before, again.statements), (Before::Known(2), Vec::new()));
    }

    notarys_tables_are_adopted_and_left_only_when_told(db) {
        db.notary(MIGRATIONS).await;
        let migrator = db.migrator(TEST);
        let adopted = migrator.apply().await.unwrap();
        assert_eq!((adopted.before, adopted.shared_with_notary), (Before::Notary(Some(3)), true));
        assert!(db.has("beside").await && !db.has("gone").await);
        assert!(migrator.apply().await.unwrap().shared_with_notary);
        assert!(migrator.plan_leave().await.unwrap().statements.iter().any(|statement| statement.contains("gone")));
        assert!(!db.has("gone").await);
        assert!(!migrator.leave_notary().await.unwrap().shared_with_notary);
        assert!(db.has("gone").await);
        let after = migrator.leave_notary().await.unwrap();
        assert!(after.statements.is_empty() && !after.shared_with_notary);
        db.sql("UPDATE schema_migrations SET version = 3, dirty = false").await;
    }

    the_older_form_of_schema_migrations_and_none_are_adopted_too(db) {
        db.notary(OLD_MIGRATIONS).await;
        assert_eq!(db.migrator(TEST).plan().await.unwrap().before, Before::Notary(Some(3)));
        db.sql("DROP TABLE schema_migrations").await;
        assert_eq!(db.migrator(TEST).apply().await.unwrap().before, Before::Notary(None));
    }

    what_we_may_not_touch_is_refused_by_name(db) {
        db.sql("CREATE TABLE files (something int)").await;
        let foreign = db.migrator(TEST).apply().await.unwrap_err();
        assert!(matches!(&foreign, SchemaError::TooOld { missing, .. } if missing == "table feed")
            || matches!(&foreign, SchemaError::Foreign { table, column } if table == "files" && column == "gun"), "{foreign}");
        db.sql("DROP TABLE files; CREATE TABLE files (gun varchar(20)); CREATE TABLE feed (gun varchar(20))").await;
        let old = db.migrator(TEST).apply().await.unwrap_err();
        assert!(matches!(&old, SchemaError::TooOld { missing, needed: 3, .. } if missing.contains("sha256")), "{old}");
        db.sql("DROP TABLE files; DROP TABLE feed").await;
        db.notary(MIGRATIONS).await;
        db.sql("UPDATE schema_migrations SET dirty = true").await;
        let dirty = db.migrator(TEST).apply().await.unwrap_err();
        assert_eq!(dirty, SchemaError::Dirty { version: 3 });
        assert!(!db.has("trust_schema").await && !db.has("beside").await, "nothing was changed");
        db.sql("CREATE TABLE trust_schema (x int)").await;
        assert!(matches!(db.migrator(TEST).apply().await, Err(SchemaError::Foreign { .. })));
    }

    the_release_before_goes_on_unless_a_step_says_it_cannot(db) {
        db.migrator(FIRST).apply().await.unwrap();
        assert_eq!(db.migrator(TEST).apply().await.unwrap().before, Before::Known(1));
        assert!(db.has("more").await);
        let before = db.migrator(FIRST).apply().await.unwrap();
        assert_eq!((before.version, before.statements), (2, Vec::new()));
        db.migrator(of(&BREAKING)).apply().await.unwrap();
        let refused = db.migrator(TEST).apply().await.unwrap_err();
        assert!(matches!(refused, SchemaError::TooNew { found: 3, readable_since: 3, known: 2, .. }), "{refused}");
    }

    a_step_that_fails_is_shown_and_done_anew(db) {
        let failed = db.migrator(of(&WRONG)).apply().await.unwrap_err();
        assert!(failed.to_string().contains("CREATE NONSENSE"), "{failed}");
        let done = db.migrator(TEST).apply().await.unwrap();
        assert!(!done.shared_with_notary, "what was made half-way is not taken for Notary's");
        assert!(db.has("more").await);
    }

    programs_that_start_at_once_make_the_tables_once(db) {
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let migrator = db.another_program();
            starts.spawn(async move { migrator.apply().await });
        }
        while let Some(started) = starts.join_next().await {
            let outcome = started.unwrap().unwrap();
            assert_eq!((outcome.version, outcome.shared_with_notary), (2, false));
        }
    }
}
