//! Work in flight: so many pieces at once, whoever gave them, on all cores.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does what it is given, in the order in which it is given. Its workers end with it. Who gives work
/// never waits for room, so that nobody who is not looked after keeps room from others: givers bound
/// what they give.
pub struct Pool {
    queue: Arc<Queue>,
    _workers: JoinSet<()>,
}

struct Queue {
    works: Mutex<VecDeque<Work>>,
    /// A permit for each of them.
    count: Semaphore,
}

impl Pool {
    /// With so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Pool {
        let queue = Arc::new(Queue { works: Mutex::default(), count: Semaphore::new(0) });
        let mut set = JoinSet::new();
        for _ in 0..workers {
            set.spawn(Arc::clone(&queue).work());
        }
        Pool { queue, _workers: set }
    }

    /// Waits for a worker, and for what it makes of this.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (done, result) = oneshot::channel();
        let work: Work = Box::pin(async move {
            // Nobody waits any more when the validation was given up.
            let _ = done.send(work.await);
        });
        self.queue.works.lock().unwrap_or_else(PoisonError::into_inner).push_back(work);
        self.queue.count.add_permits(1);
        result.await.expect("a worker ends what it began")
    }
}

impl Queue {
    async fn work(self: Arc<Queue>) {
        while let Ok(permit) = self.count.acquire().await {
            permit.forget();
            let work = self.works.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(work) = work {
                work.await;
            }
        }
    }
}
