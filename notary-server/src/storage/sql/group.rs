//! Many publishers, one transaction, one wait for the disk.
//!
//! While a commit waits, the next callers queue; a lane then takes all of them into one transaction. Each is judged in
//! its turn, so a refusal costs the others nothing. If a group cannot be stored, each of its publications is tried again
//! in a transaction of its own: only those that fail by themselves are told so. Nobody is answered before the commit.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::undone::{Undone, retried};
use crate::storage::publication::{Publication, Verdict};
use crate::storage::{PublishError, StorageError};

/// A group takes no more callers than this,
const GROUP_JOBS: usize = 128;
/// and stops taking more at this many bytes.
const GROUP_BYTES: u64 = 8 << 20;
/// Publications that may wait before the next caller has to wait for a place.
const QUEUE: usize = 256;
/// Transactions at a time: while one waits for the disk, another judges.
const LANES: usize = 2;

const ACTION: &str = "publish";

/// What a lane does with a group.
pub(crate) trait Transactions: Send + Sync + 'static {
    /// Judges and stores publications in order, in one durable transaction, or stores none of them.
    fn store(&self, publications: &[&Publication]) -> impl Future<Output = Result<Vec<Verdict>, Undone>> + Send;
}

struct Job {
    publication: Publication,
    answer: oneshot::Sender<Verdict>,
}

/// The queue of publishers and the lanes that empty it.
pub(crate) struct Group {
    /// None once closed.
    jobs: RwLock<Option<mpsc::Sender<Job>>>,
    lanes: Mutex<Vec<JoinHandle<()>>>,
}

impl Group {
    /// Starts the lanes. Must run within Tokio.
    pub(crate) fn start(transactions: &Arc<impl Transactions>) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let lane = |_| tokio::spawn(run(transactions.clone(), queue.clone()));
        Self { jobs: RwLock::new(Some(jobs)), lanes: Mutex::new((0..LANES).map(lane).collect()) }
    }

    /// Stores a publication with others. It is stored, or not, also if the caller goes away.
    pub(crate) async fn publish(&self, publication: Publication) -> Verdict {
        let gone = |cause: &str| StorageError::Backend { action: ACTION, cause: cause.to_owned() };
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or_else(|| gone("the store is closed"))?;
        let (answer, verdict) = oneshot::channel();
        let sent = jobs.send(Job { publication, answer }).await;
        // Lanes that are to stop wait for every sender to go.
        drop(jobs);
        sent.map_err(|_| gone("no lane is left"))?;
        verdict.await.map_err(|_| gone("the lane has stopped"))?
    }

    /// Refuses what comes and finishes what came.
    pub(crate) async fn close(&self) {
        self.jobs.write().unwrap_or_else(PoisonError::into_inner).take();
        for lane in self.lanes.lock().await.drain(..) {
            // A lane that panicked has nothing left to finish.
            drop(lane.await);
        }
    }
}

/// Works until every sender is gone and the queue is empty.
async fn run(transactions: Arc<impl Transactions>, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
    loop {
        let jobs = next_group(&mut *queue.lock().await).await;
        if jobs.is_empty() {
            return;
        }
        let (publications, answers): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|Job { publication, answer }| (publication, answer)).unzip();
        let verdicts = publish(&*transactions, &publications.iter().collect::<Vec<_>>()).await;
        for (answer, verdict) in answers.into_iter().zip(verdicts) {
            // A caller who no longer waits misses nothing.
            drop(answer.send(verdict));
        }
    }
}

/// The next caller and all who wait behind, within the limits of a group. Empty when there will be no more.
async fn next_group(queue: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let Some(first) = queue.recv().await else { return Vec::new() };
    let mut bytes = first.publication.bytes();
    let mut jobs = vec![first];
    while jobs.len() < GROUP_JOBS && bytes < GROUP_BYTES {
        let Ok(job) = queue.try_recv() else { break };
        bytes = bytes.saturating_add(job.publication.bytes());
        jobs.push(job);
    }
    jobs
}

async fn publish(transactions: &impl Transactions, publications: &[&Publication]) -> Vec<Verdict> {
    match retried(|| transactions.store(publications)).await {
        Ok(verdicts) => verdicts,
        Err(Undone::Together(error)) => publications.iter().map(|_| Err(error.clone().into())).collect(),
        Err(undone) if publications.len() == 1 => vec![Err(refusal(undone))],
        Err(_) => {
            let mut verdicts = Vec::with_capacity(publications.len());
            for publication in publications {
                match retried(|| transactions.store(std::slice::from_ref(publication))).await {
                    Ok(verdict) => verdicts.extend(verdict),
                    Err(undone) => verdicts.push(Err(refusal(undone))),
                }
            }
            verdicts
        }
    }
}

/// What a publisher is told whose own transaction came to nothing.
fn refusal(undone: Undone) -> PublishError {
    match undone {
        Undone::Overtaken(_) => PublishError::Moved,
        other => other.into_error().into(),
    }
}
