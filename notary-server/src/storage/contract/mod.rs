//! The promises of [`Storage`], each as a test that every backend runs.
//!
//! A backend's test module names a function that opens an empty store and calls [`storage_contract!`] with it.

pub mod apart;
pub mod delete;
pub mod feed;
pub mod publish;
pub mod race;
pub mod read;
pub mod renewal;
pub mod walk;

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use ring::digest;

use super::{NewFile, Sha256, Storage};

/// An empty store, and what must live as long as it does.
pub struct Fixture {
    pub store: Arc<dyn Storage>,
    _directory: Option<tempfile::TempDir>,
}

impl Fixture {
    pub fn new(store: impl Storage) -> Self {
        Self { store: Arc::new(store), _directory: None }
    }

    pub fn in_directory(store: impl Storage, directory: tempfile::TempDir) -> Self {
        Self { store: Arc::new(store), _directory: Some(directory) }
    }
}

/// Makes one test of every promise for the backend that `$open` opens: an `async fn() -> Fixture`. Notary's tables cannot
/// keep all of them: `any` names those every table keeps, `exact` those that take exact names and times, `large` those
/// that take large versions.
macro_rules! storage_contract {
    ($open:path) => {
        storage_contract! { any $open }
        storage_contract! { exact $open }
        storage_contract! { large $open }
    };
    (large $open:path) => {
        storage_contract! { $open;
            publish: versions_may_skip_ahead_but_never_back_into_the_gap
        }
    };
    (exact $open:path) => {
        storage_contract! { $open;
            read: a_checksum_finds_only_its_own_gun_and_role
            read: the_time_of_storing_is_kept
            delete: siblings_by_prefix_and_by_case_survive
            feed: only_timestamps_make_updates
            feed: a_gun_filter_is_exact
            feed: a_deletion_is_an_entry_and_keeps_history
            renewal: only_the_newest_timestamp_counts
            renewal: pages_resume_after_a_name_until_all_are_seen
            walk: exactly_the_named_versions_are_removed
        }
    };
    (any $open:path) => {
        storage_contract! { $open;
            publish: a_publication_is_stored_whole
            publish: a_conflict_in_any_role_stores_nothing
            publish: equal_and_lower_versions_conflict_and_name_the_stored_one
            publish: a_role_twice_must_ascend
            publish: nothing_to_store_is_stored
            publish: many_roles_at_once_are_stored_whole
            publish: large_files_come_back_byte_for_byte
            publish: a_collection_that_left_its_base_is_not_published_to
            read: newest_is_the_highest_version
            read: a_version_finds_only_its_own_gun_and_role
            read: what_was_never_stored_is_not_found
            read: a_store_in_use_passes_its_check
            delete: a_deleted_collection_is_gone_by_every_look_up
            delete: versions_restart_at_one
            delete: deleting_nothing_says_so_and_records_nothing
            feed: a_refused_publication_makes_no_change
            feed: pages_after_before_and_newest_list_oldest_first
            feed: ids_ascend_in_the_order_of_acknowledgement
            renewal: collections_without_a_timestamp_are_left_out
            walk: every_collection_is_listed_once
            walk: versions_list_everything_without_bytes
            walk: the_head_is_the_newest_timestamp
            walk: nothing_is_removed_from_a_collection_that_moved
            race: of_racing_publishers_exactly_one_wins
            race: publishers_of_different_guns_do_not_disturb_each_other
            race: readers_never_see_part_of_a_publication
            race: a_dropped_publication_is_stored_whole_or_not_at_all
            race: a_reader_of_the_feed_misses_nothing
        }
    };
    ($open:path; $($room:ident: $promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let fixture = $open().await;
                $crate::storage::contract::$room::$promise(fixture.store.clone()).await;
            }
        )+
    };
}
pub(crate) use storage_contract;

pub fn gun(text: &str) -> Gun {
    text.parse().unwrap()
}

pub fn role(text: &str) -> RoleName {
    text.parse().unwrap()
}

pub fn version(number: u64) -> Version {
    Version::try_from(number).unwrap()
}

/// A fixed start of time, plus seconds.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 123_456_000).unwrap()
}

pub fn sha256(bytes: &[u8]) -> Sha256 {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap()
}

/// A file whose bytes say what it is.
pub fn file(role_name: &str, number: u64) -> NewFile {
    file_of(role_name, number, format!("{role_name} {number}"))
}

pub fn file_of(role_name: &str, number: u64, bytes: impl Into<Bytes>) -> NewFile {
    let bytes = bytes.into();
    NewFile { role: role(role_name), version: version(number), sha256: sha256(&bytes), bytes }
}

/// All four roles at one version.
pub fn full_set(number: u64) -> Vec<NewFile> {
    ["root", "targets", "snapshot", "timestamp"].map(|name| file(name, number)).into()
}

/// The newest version of a role, if any.
pub async fn newest_version(store: &dyn Storage, gun: &Gun, role_name: &str) -> Option<u64> {
    store.newest(gun, &role(role_name)).await.unwrap().map(|file| file.version.get())
}
