//! The server's tables: what this release makes in an empty database, what it adds to Notary's, and what leaving Notary
//! changes.

use notary_service::database::Pool;
use notary_service::database::schema::{self, Catalog, Component, NotaryColumn, NotaryTable, NotaryTables, Step};
pub use notary_service::database::schema::{OpenError, Prepare};

/// Tables of the trust server.
pub const SERVER: Component = Component {
    name: "server",
    postgres: &[
        Step {
            version: 1,
            readable_since: 1,
            name: "collections",
            own: &[
                include_str!("../postgres/migrations/tuf_files.sql"),
                "CREATE INDEX IF NOT EXISTS tuf_files_sha256_idx ON tuf_files (sha256)",
                include_str!("../postgres/migrations/changefeed.sql"),
                "CREATE INDEX IF NOT EXISTS idx_changefeed_gun ON changefeed (gun, id)",
                include_str!("../postgres/migrations/trust_collections.sql"),
            ],
            shared: &[include_str!("../postgres/migrations/trust_collections.sql")],
            leave: &[
                "UPDATE tuf_files SET sha256 = encode(sha256(data), 'hex') WHERE sha256 IS NULL",
                "ALTER TABLE tuf_files ALTER COLUMN id TYPE bigint, ALTER COLUMN version TYPE bigint, \
             ALTER COLUMN sha256 SET NOT NULL",
                "ALTER TABLE changefeed ALTER COLUMN id TYPE bigint, ALTER COLUMN version TYPE bigint",
                "ALTER SEQUENCE IF EXISTS tuf_files_id_seq AS bigint",
                "ALTER SEQUENCE IF EXISTS changefeed_id_seq AS bigint",
            ],
        },
        Step {
            version: 2,
            readable_since: 1,
            name: "TUF repositories",
            own: TUF_POSTGRES,
            shared: TUF_POSTGRES,
            leave: &[],
        },
    ],
    mysql: &[
        Step {
            version: 1,
            readable_since: 1,
            name: "collections",
            own: &[
                include_str!("../mysql/migrations/tuf_files.sql"),
                include_str!("../mysql/migrations/changefeed.sql"),
                include_str!("../mysql/migrations/trust_collections.sql"),
            ],
            shared: &[include_str!("../mysql/migrations/trust_collections.sql")],
            leave: &[
                "UPDATE tuf_files SET sha256 = sha2(data, 256) WHERE sha256 IS NULL",
                include_str!("../mysql/migrations/leave_tuf_files.sql"),
                include_str!("../mysql/migrations/leave_changefeed.sql"),
            ],
        },
        Step { version: 2, readable_since: 1, name: "TUF repositories", own: TUF_MYSQL, shared: TUF_MYSQL, leave: &[] },
    ],
    notary_postgres: NotaryTables {
        version: 2,
        tables: &[
            NotaryTable { name: "tuf_files", columns: FILES },
            NotaryTable { name: "changefeed", columns: &CHANGES_SINCE_2 },
        ],
    },
    notary_mysql: NotaryTables {
        version: 5,
        tables: &[
            NotaryTable { name: "tuf_files", columns: FILES_OF_MYSQL },
            NotaryTable { name: "changefeed", columns: &CHANGES_SINCE_5 },
        ],
    },
};

/// Notary has no such tables, so they are ours also where the others are shared.
const TUF_POSTGRES: &[&str] = &[
    include_str!("../postgres/migrations/tuf1_files.sql"),
    "CREATE INDEX IF NOT EXISTS tuf1_files_sha256_idx ON tuf1_files (sha256)",
    include_str!("../postgres/migrations/tuf1_changes.sql"),
    "CREATE INDEX IF NOT EXISTS idx_tuf1_changes_gun ON tuf1_changes (gun, id)",
];

const TUF_MYSQL: &[&str] =
    &[include_str!("../mysql/migrations/tuf1_files.sql"), include_str!("../mysql/migrations/tuf1_changes.sql")];

const FILES: &[NotaryColumn] = &[
    since("id", 1),
    since("created_at", 1),
    since("updated_at", 1),
    since("deleted_at", 1),
    since("gun", 1),
    since("role", 1),
    since("version", 1),
    since("data", 1),
    since("sha256", 1),
];

const FILES_OF_MYSQL: &[NotaryColumn] = &[
    since("id", 1),
    since("created_at", 1),
    since("updated_at", 1),
    since("deleted_at", 1),
    since("gun", 1),
    since("role", 1),
    since("version", 1),
    since("data", 1),
    since("sha256", 3),
];

const CHANGES_SINCE_2: [NotaryColumn; 6] = changes(2);
const CHANGES_SINCE_5: [NotaryColumn; 6] = changes(5);

const fn changes(version: i64) -> [NotaryColumn; 6] {
    [
        since("id", version),
        since("created_at", version),
        since("gun", version),
        since("version", version),
        since("sha256", version),
        since("category", version),
    ]
}

const fn since(name: &'static str, since: i64) -> NotaryColumn {
    NotaryColumn { name, since }
}

/// Makes the tables ready; tells whether they are shared with Notary.
pub(crate) async fn prepare<D: Catalog>(pool: &Pool<D>, prepare: Prepare) -> Result<bool, OpenError> {
    schema::prepare(pool, SERVER, prepare).await
}
